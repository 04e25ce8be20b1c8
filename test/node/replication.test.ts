// The post's figures beside ours: what counts as replicated, and what is said where it is not.
import { readFileSync } from 'node:fs'
import { parseHTML } from 'linkedom'
import { render } from 'preact-render-to-string'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import published from '../../experiments/lab/analysis/the-post.json' with { type: 'json' }
import { postLayers, replicate, replicationTable } from '../../experiments/lab/analysis/replication.ts'
import { claimsText, postClaims } from '../../experiments/black-box/post-claims.ts'
import { claimsSection, replicationSection } from '../../experiments/black-box/report-replication.ts'
import type {
  CategoryAnalysis,
  LayerAnalysis,
  Verdict,
} from '../../experiments/lab/analysis/layer-analysis.ts'
import { verdicts } from '../../experiments/black-box/verdicts.ts'
import { sampleReport } from '../helpers/report-sample.ts'

const test = suite('replication')

/** An analysis that found what the post has, `change` aside. */
function analyses(
  change: (figures: CategoryAnalysis, name: string, layer: number) => void = () => {},
): LayerAnalysis[] {
  return published.layers.map(({ layer, categories }) => {
    const all = Object.entries(categories).map(([name, { peak, aggregate_top5, specialist }]) => {
      const figures = {
        category: name,
        peak: { ...peak },
        aggregate_top5,
        specialist: { ...specialist, inside: specialist.score, outside: 0, value: 9 },
      } as CategoryAnalysis
      change(figures, name, layer)
      return figures
    })
    return { layer, categories: all } as LayerAnalysis
  })
}

/** A layer as it stands in figures.json. */
interface Figures {
  layer: number
  categories: Record<string, CategoryAnalysis>
}

test('the published figures of layers 6 and 8 are those recomputed from the author’s activations', () => {
  const path = new URL('../reference/black-box/figures.json', import.meta.url)
  const figures = JSON.parse(readFileSync(path, 'utf8')) as { layers: Figures[] }
  const layers = figures.layers.map(({ layer, categories }) => ({
    layer,
    categories: Object.entries(categories).map(([category, rest]) => ({ ...rest, category })),
  }))
  const rows = replicate(layers as LayerAnalysis[])
  assert.is(rows.length, 14)
  for (const row of rows) assert.equal(row.differs, [], JSON.stringify(row))
})

test('seven categories at four layers', () => {
  assert.equal(postLayers, [6, 8, 10, 11])
  const rows = replicate(analyses())
  assert.is(rows.length, 28)
  assert.ok(rows.every(({ differs }) => differs.length === 0))
  assert.match(replicationTable(rows), '28 of 28 rows of the post are replicated')
})

test('each kind of difference is named, in its row alone', () => {
  const cases: [differs: string[], change: (figures: CategoryAnalysis) => void][] = [
    [['peak feature'], (figures) => (figures.peak!.feature += 1)],
    [['peak'], (figures) => (figures.peak!.value += 0.11)],
    [['peak'], (figures) => (figures.peak!.value -= 0.11)],
    [[], (figures) => (figures.peak!.value += 0.09)],
    [['top 5'], (figures) => (figures.aggregate_top5 -= 0.2)],
    [['specialist'], (figures) => (figures.specialist!.feature += 1)],
    [['score'], (figures) => (figures.specialist!.score += 1)],
    [['peak feature', 'peak'], (figures) => (figures.peak = null)],
    [['specialist', 'score'], (figures) => (figures.specialist = null)],
    [['peak'], (figures) => (figures.peak!.value = NaN)],
  ]
  for (const [differs, change] of cases) {
    const rows = replicate(
      analyses((figures, name, layer) => name === 'Math' && layer === 10 && change(figures)),
    )
    for (const row of rows)
      assert.equal(row.differs, row.category === 'Math' && row.layer === 10 ? differs : [], row.category)
  }
})

test('the terminal shows both figures, their difference and the verdict', () => {
  const rows = replicate(
    analyses((figures, name, layer) => name === 'URLs' && layer === 6 && (figures.peak!.value = 8)),
  )
  const line = replicationTable(rows)
    .split('\n')
    .find((line) => line.includes('URLs') && line.includes('8.00'))
  assert.match(
    line ?? '',
    /URLs +│ +6 │ 8\.7 #20051 +│ 8\.00 #20051 +│ +−0\.70 │ +36\.5 │ +36\.50 │ +\+0\.00 │ 2 #20051 +│ 2 #20051 +│ differs: peak/,
  )
  assert.match(replicationTable(rows), '27 of 28 rows')
  const silent = replicate(
    analyses((figures, name, layer) => {
      if (name === 'URLs' && layer === 6) Object.assign(figures, { peak: null, specialist: null })
    }),
  )
  assert.match(
    replicationTable(silent),
    /URLs +│ +6 │ 8\.7 #20051 +│ – +│ +– │ +36\.5 │ +36\.50 │ +\+0\.00 │ 2 #20051 +│ – +│ differs: peak feature, peak, specialist, score/,
  )
})

test('only layers that both have are compared; a missing category is an error', () => {
  assert.equal(replicate(analyses().filter(({ layer }) => layer === 8)).length, 7)
  assert.equal(replicate([]), [])
  const [first] = analyses()
  first.categories = first.categories.filter(({ category }) => category !== 'Math')
  assert.throws(() => replicate([first]), /layer 6 was analysed without the post's category Math/)
})

test('the report has the same table, and no section where there is nothing to compare', () => {
  assert.is(replicationSection([]), null)
  const html = render(replicationSection(replicate(analyses()))!)
  const { document } = parseHTML(html)
  assert.is(document.querySelectorAll('tbody tr').length, 28)
  assert.is(document.querySelector('tbody tr th')?.textContent, 'Python')
  assert.match(html, 'notebooks/phase_1_SAE_comparison_v2.ipynb')
})

const found: Verdict[] = [
  { claim: 'Specialisation rises with depth', status: 'holds', detail: '' },
  { claim: 'Every category has a specialist feature', status: 'does not hold', detail: '' },
  { claim: 'Aggregates rise with depth in every category', status: 'not tested', detail: '' },
  {
    claim: 'Peaks rise with depth in every category',
    status: 'holds only because everything grows',
    detail: '',
  },
]

test('each claim of the post stands beside what its own figures say, and the verdict of this run', () => {
  assert.equal(
    postClaims(found).map(({ published, ours }) => [published, ours]),
    [
      [
        'At every step from layer 6 to 11 in 5 of 7 categories, but not in Math (layer 10 to 11: 22.3 to 19.4), Social (layer 10 to 11: 20.7 to 18.9).',
        'holds only because everything grows',
      ],
      [
        'At every step from layer 6 to 11 in 5 of 7 categories, but not in Math (layer 10 to 11: 77.5 to 73.9), Social (layer 10 to 11: 60.6 to 58.0).',
        'not tested',
      ],
      [
        'At layer 11, 7 of 7 have a score above 0. Shuffled categories reach 2 (95 % of them); above that are 3: Social 10, Python 6, Math 6.',
        'does not hold',
      ],
      [
        'The scores add up to 21, 28, 29, 30 from layer 6 to 11, while 92, 187, 304, 423 pairs of text and feature are above the threshold: the more there are, the higher the scores that chance gives.',
        'holds',
      ],
    ],
  )
})

test('the claims are those that there are verdicts on', () => {
  const { layers } = sampleReport()
  assert.equal(
    postClaims(verdicts(layers)).map(({ claim }) => claim),
    verdicts(layers).map(({ claim }) => claim),
  )
  assert.throws(() => postClaims(found.slice(1)), /no verdict on "Specialisation rises with depth"/)
})

test('terminal and report show all claims; the report none where there are none', () => {
  const claims = postClaims(found)
  const lines = claimsText(claims).split('\n')
  assert.is(lines.length, 1 + 3 * 4)
  assert.is(lines[3], '    this run: holds only because everything grows')
  assert.is(claimsSection([]), null)
  const { document } = parseHTML(render(claimsSection(claims)!))
  const items = [...document.querySelectorAll('li')].map((item) => item.textContent.replace(/\s+/g, ' '))
  assert.is(items.length, 4)
  for (const [i, { claim, published, ours }] of claims.entries())
    assert.match(items[i], `${claim}: in this run, ${ours}. By the post’s own figures: ${published}`)
  assert.is(document.querySelector('li .verdict.partly')?.textContent, 'holds only because everything grows')
})

test.run()
