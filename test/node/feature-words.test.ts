// `npm run feature`: its sentences, its terminal card and its report say what the dashboard say, and nothing runs.
import { parseHTML } from 'linkedom'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { activationStatistics } from '../../experiments/lab/analysis/features/activations.ts'
import type { ExplainedFeature } from '../../experiments/lab/analysis/features/explain.ts'
import { renderFeatureReport } from '../../experiments/feature/feature-page.ts'
import type { FeatureDashboard } from '../../experiments/lab/analysis/features/feature-dashboard.ts'
import { sentences } from '../../experiments/lab/report/feature-sentences.ts'
import { markedText, terminalCard, wantsColour } from '../../experiments/feature/terminal.ts'

const EVIL = '</script><img src=x onerror=alert(1)>\u001b[31m'
const shownTexts = [
  { category: 'Python', pieces: ['<|endoftext|>', 'def', ' main', EVIL] },
  { category: EVIL, pieces: ['<|endoftext|>', 'you', '\n'] },
]

/** A feature's dashboard around activations made by hand. */
function explained(column: readonly number[][], changes: Partial<FeatureDashboard> = {}): ExplainedFeature {
  const arrays = column.map((text) => Float32Array.from(text))
  const token = (name: string, logit: number) => ({ id: 1, token: name, logit })
  return {
    column: arrays,
    dashboard: {
      ...{ layer: 8, hook: 'blocks.8.hook_resid_pre', feature: 12, neuronpedia: null },
      ...activationStatistics(
        arrays,
        shownTexts.map((text) => text.pieces),
      ),
      ...{ promoted: [token(' up', 0.5)], suppressed: [token(EVIL, -0.5)] },
      ...{ nearest: [{ feature: 3, cosine: 0.4, token: null }], next_layer: null },
      ...changes,
    },
  }
}

const words = suite('sentences, terminal and report')

words('each sentence follows its figures: planted, and taken away', () => {
  const names = ['Python', 'Social', 'Social', 'Social']
  const features = [{ feature: 77, correlation: 0.9, together: 5, firing_tokens: 6, token: ' x' }]
  const next = { layer: 9, hook: 'blocks.9.hook_resid_pre', features }
  const say = (column: number[][], changes?: Partial<FeatureDashboard>) =>
    sentences(explained(column, changes).dashboard, names).join('\n')
  const fires = say(
    [
      [0, 0, 3, 0],
      [0, 0, 1],
    ],
    { next_layer: next },
  )
  assert.match(
    fires,
    'It fires on 40 % of the tokens (2 of 5), in 2 of 4 texts; most strongly, 3, on “·main” in text 1 (Python).',
  )
  assert.match(fires, 'Of its 2 strongest texts, 1 is Python; of all texts, 25 % are.')
  assert.match(fires, 'promotes “·up” and suppresses')
  assert.match(
    fires,
    'In layer 9, feature 77 “·x” follows it most closely: correlation 0.90, with 5 tokens on which both fire.',
  )
  const silent = say(
    [
      [0, 0, 0, 0],
      [0, 0, 0],
    ],
    { next_layer: { ...next, features: [] } },
  )
  assert.match(silent, 'It fires on none of the 5 tokens: these texts do not show what it stands for.')
  assert.not.match(silent, 'strongest texts')
  assert.not.match(silent, 'layer 9')
  assert.match(
    say(
      [
        [0, 0, 3, 0],
        [0, 0, 1],
      ],
      { next_layer: { ...next, features: [] } },
    ),
    'No feature of layer 9 fires together with it on 3 tokens or more',
  )
  assert.match(
    say([
      [0, 1, 0, 0],
      [0, 0, 0],
    ]),
    'Layer 8 is the last that has an SAE',
  )
})

words('colours are for terminals whose user has not said no', () => {
  assert.is(wantsColour({ isTTY: true }, {}), true)
  assert.is(wantsColour({ isTTY: true }, { NO_COLOR: '' }), true, 'an empty NO_COLOR says nothing')
  assert.is(wantsColour({ isTTY: true }, { NO_COLOR: '1' }), false)
  assert.is(wantsColour({ isTTY: false }, {}), false)
  assert.is(wantsColour({}, {}), false)
})

words('firing tokens stand in brackets or in colour, among the tokens around the strongest', () => {
  const text = ['BOS', ...Array.from({ length: 99 }, (_, i) => ` ${i + 1}`)]
  const values = Float32Array.from(text, (_, i) => ({ 50: 8, 52: 1, 90: 3 })[i] ?? 0)
  const plain = markedText(text, values, 50, 8, false)
  assert.match(plain, /^… 26 27.* 49⟦ 50⟧ 51⟦ 52⟧ 53.* 74…$/)
  assert.not.match(plain, '\u001b')
  const colour = markedText(text, values, 50, 8, true)
  assert.match(colour, '\u001b[30m\u001b[43m 50\u001b[49m\u001b[39m 51\u001b[33m 52\u001b[39m 53')
  assert.match(markedText(text.slice(0, 4), values.subarray(0, 4), 1, 8, false), /^ 1 2 3$/)
})

words('no text, category or token can steer the terminal', () => {
  const card = terminalCard(
    explained([
      [0, 1, 0, 2],
      [0, 5, 0],
    ]),
    shownTexts,
    false,
  )
  assert.not.match(card, '\u001b')
  assert.match(card, '⟦def⟧')
  assert.match(card, '“·up”')
})

words('the report shows what is found, texts as texts, links, and no section for what there is not', () => {
  const provenance = {
    model: 'tiny',
    backend: '',
    mode: '',
    basis: '',
    hook: '',
    bos: '',
    pooling: '',
    threshold: '',
    command: '',
    version: '',
  }
  const links = [{ name: 'All results', href: '../../../index.html' }]
  const made = { provenance, links, run: { id: 'a', date: '2026-01-02' }, question: 'What?', answer: 'This.' }
  const page = (one: ExplainedFeature) =>
    parseHTML(renderFeatureReport({ ...made, explained: one, texts: shownTexts })).document
  const neuronpedia = 'https://www.neuronpedia.org/gpt2-small/8-res-jb/12'
  const document = page(
    explained(
      [
        [0, 1, 0, 2],
        [0, 0, 1],
      ],
      { neuronpedia },
    ),
  )
  assert.is(document.querySelector('img'), null)
  assert.is(document.querySelector('h1')?.textContent, 'Layer 8, feature 12 “</script><img·src=x…”')
  assert.equal(
    [...document.querySelectorAll('nav a')].map((link) => link.getAttribute('href')),
    ['../../../index.html', neuronpedia],
  )
  assert.equal(
    [...document.querySelectorAll('.texts')].map((list) => list.querySelectorAll('mark').length),
    [2, 3, 3],
    'the picture, the strongest texts, and the same from strong to weak',
  )
  assert.match(document.querySelector('.histogram desc')?.textContent ?? '', '3 activations from 0 to 2')
  const chips = [...document.querySelectorAll('.facets dd')].map((list) => list.textContent?.trim())
  assert.match(chips[0] ?? '', '“·up” 0.500')
  assert.match(chips[1] ?? '', 'onerror=alert(1)')
  assert.match(chips[2] ?? '', /^3\s+0\.40$/)
  const silent = page(
    explained([
      [0, 0, 0, 0],
      [0, 0, 0],
    ]),
  )
  assert.is(silent.querySelector('.histogram, mark'), null)
  assert.match(silent.body.textContent ?? '', 'It fires on none')
})

words.run()
