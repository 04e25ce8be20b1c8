// The post's figures beside ours: what counts as replicated, and what is said where it is not.
import { readFileSync } from 'node:fs'
import { parseHTML } from 'linkedom'
import { render } from 'preact-render-to-string'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import published from '../../experiments/black-box/published.json' with { type: 'json' }
import { postLayers, replicate, replicationTable } from '../../experiments/black-box/published.ts'
import { replicationSection } from '../../experiments/black-box/report-replication.ts'
import type { CategoryAnalysis, LayerAnalysis } from '../../experiments/black-box/results.ts'

const test = suite('replication')

/** An analysis that found what the post has, `change` aside. */
function analyses(
  change: (figures: CategoryAnalysis, name: string, layer: number) => void = () => {},
): LayerAnalysis[] {
  return published.layers.map(({ layer, categories }) => {
    const all = Object.entries(categories).map(([name, { peak, aggregate_top5, specialist }]) => {
      const figures = {
        peak: { ...peak },
        aggregate_top5,
        specialist: { ...specialist, inside: specialist.score, outside: 0, value: 9 },
      } as CategoryAnalysis
      change(figures, name, layer)
      return [name, figures]
    })
    return { layer, categories: Object.fromEntries(all) as LayerAnalysis['categories'] } as LayerAnalysis
  })
}

test('the published figures of layers 6 and 8 are those recomputed from the author’s activations', () => {
  const path = new URL('../reference/black-box/figures.json', import.meta.url)
  const figures = JSON.parse(readFileSync(path, 'utf8')) as { layers: LayerAnalysis[] }
  const rows = replicate(figures.layers)
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
})

test('only layers that both have are compared; a missing category is an error', () => {
  assert.equal(replicate(analyses().filter(({ layer }) => layer === 8)).length, 7)
  assert.equal(replicate([]), [])
  const [first] = analyses()
  delete first.categories.Math
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

test.run()
