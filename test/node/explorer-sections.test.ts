// Sections of the page as they are drawn: what an explanation is of, and what stands where layers have no SAE.
import { html } from '../../experiments/lab/report/html.ts'
import { h, render } from 'preact'
import { parseHTML } from 'linkedom'
import { renderToString } from 'preact-render-to-string'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { LibrarySection } from '../../experiments/explorer/page/library.ts'
import { START } from '../../experiments/explorer/page/link.ts'
import type { ShownRun } from '../../experiments/explorer/page/text-run.ts'
import { PairContext, TwoTexts } from '../../experiments/explorer/page/two-texts.ts'
import { WhyContext, type WhyDesk } from '../../experiments/explorer/page/why-desk.ts'
import { WhySection } from '../../experiments/explorer/page/why.ts'
import type { EditedRun, Opened, Why } from '../../experiments/explorer/protocol.ts'
import { OPENED, top, toyRun } from '../helpers/explorer-run.ts'

const test = suite('explorer page: sections')

const edited: EditedRun = {
  edit: [{ layer: 1, feature: 3, kind: 'off' }],
  ...{ next: top(4, [5], [0.5]), nextBefore: new Float32Array(4), nextAfter: new Float32Array(4) },
  kl: new Float32Array(4),
}
const WHY: Why = {
  ...{ target: { id: 5, shown: ' a' }, against: null, logit: 2, sum: 2 },
  ...{ embedding: 1, position: 0.5, bias: 0.5, neurons: [], saes: [] },
  layers: [0, 1].map(() => ({
    ...{ attention: 0, mlp: 0, heads: [1, -1], attentionBias: 0, mlpBias: 0 },
    sources: [0, 1].map(() => Float64Array.from([0, 0, 0, 1])),
  })),
}

/** The section as it stands after `now` was read, with the explanation of an earlier run. */
function whySection(now: ShownRun, explained: ShownRun): string {
  const open: WhyDesk['open'] = {
    ...{ id: 1, busy: false, why: WHY, run: explained, position: 3, asked: 3 },
    ...{ failure: null, wanted: 0, losses: [] },
  }
  const choice = { target: null, against: null }
  const desk = { run: now, token: now.tokens.length - 1, choice, open, without() {}, dispatch() {} }
  return renderToString(html`<${WhyContext.Provider} value=${desk}>${h(WhySection, null)}<//>`)
}

test('an explanation is of the text that it was made for, until that of a shorter one has come', () => {
  const section = whySection(toyRun([' one']), toyRun([' one', ' two', ' three']))
  assert.match(section, /The logit of “·a” after “·three” is \+2/)
  assert.match(section, /<code>“·three”<\/code>/)
})

test('an explanation says that it leaves out the changes to the model, where there are some', () => {
  const run = toyRun([' one', ' two', ' three'])
  const said = /the model as it is, without your changes/
  assert.not.match(whySection(run, run), said)
  const section = whySection(run, { ...run, edited })
  assert.match(section, said)
})

const withSaes = (sizes: readonly number[]): Opened => ({
  ...OPENED,
  bundled: false,
  saes: sizes.map((dSae) => ({ hook: '', dSae, hints: Array.from({ length: dSae }, () => '') })),
})

test('the library offers the layers that have an SAE, and says where there is none', () => {
  const library = (opened: Opened): string =>
    renderToString(
      h(LibrarySection, { opened, query: START.library, library: null, open: null, dispatch() {} }),
    )
  const one = library(withSaes([0, 50]))
  assert.match(one, /All 50 of 1 SAE, .*No corpus was read with these SAEs\./s)
  assert.equal(
    [...one.matchAll(/<option value="(\d)"/g)].map(([, layer]) => layer),
    ['1'],
  )
  assert.not.match(one, /role="search"/)
  const none = library(withSaes([0, 0]))
  assert.match(none, /None: this model came without SAEs\./)
  assert.not.match(none, /<form/)
})

/** The second text beside the first, of a model with an SAE at its second layer alone. */
function sideBySide() {
  const [own, run] = [toyRun([' one']), toyRun([' two'])].map((run) => ({
    ...run,
    opened: withSaes([0, 50]),
  }))
  const likely = [{ id: 5, text: 1, other: 2 }]
  const logits = [0, 1].map(() => ({ likely, moved: likely }))
  const pair = { id: 1, failure: null, own, run, logits, names: new Map([[5, ' a']]) }
  return { ...START, other: 'two', pair, patching: null, token: 1, dispatch() {} }
}
const twoTexts = (table: ReturnType<typeof sideBySide>) =>
  html`<${PairContext.Provider} value=${table}>${h(TwoTexts, null)}<//>`

test('two texts say at which layers there is no SAE', () => {
  const section = renderToString(twoTexts(sideBySide()))
  assert.is(section.split('There is no SAE at this layer.').length - 1, 1)
  assert.is(section.split('Only yours: ').length - 1, 1)
})

test('two texts are compared anew for another token, not for a key or a hovered feature', () => {
  const { document } = parseHTML('<main></main>')
  const media = { matches: false, addEventListener() {}, removeEventListener() {} }
  Object.assign(globalThis, { document, matchMedia: () => media })
  const table = sideBySide()
  let compared = 0
  const pair = { ...table.pair, logits: table.pair.logits }
  Object.defineProperty(pair, 'logits', { get: () => (compared++, table.pair.logits) })
  const main = document.querySelector('main')!
  render(twoTexts({ ...table, pair }), main)
  render(twoTexts({ ...table, pair, other: 'two more' }), main)
  render(twoTexts({ ...table, pair, text: 'one more' }), main)
  assert.is(compared, 1)
  render(twoTexts({ ...table, pair, token: 0 }), main)
  assert.is(compared, 2)
})

test.run()
