// The tables beside results.json, where no two numbers are alike.
import { csvParse } from 'd3-dsv'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { positiveEntries } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { categoriesCsv } from '../../experiments/black-box/csv.ts'
import { analyseLayer } from '../../experiments/lab/analysis/analyse-layer.ts'
import type { AnalysedLayer } from '../../experiments/lab/analysis/layer-analysis.ts'
import { withStatistics } from '../../experiments/lab/analysis/layer-statistics.ts'
import { categoriesRows } from '../helpers/categories-rows.ts'

const test = suite('tables of black-box')

test('categories.csv: each figure stands under its own name', () => {
  const means = positiveEntries(Tensor.of([4, 2], [9, 0, 8, 1, 0, 7, 1, 6]))
  const categories = ['a', 'b'].map((name, c) => ({ name, rows: [2 * c, 2 * c + 1] }))
  const input = { analysis: analyseLayer(means, categories, 5, 3), means, streamNorm: 2 }
  const layers = withStatistics([input, input], categories, { permutations: 9, resamples: 9, seed: 0 })
  let numbers = 0
  const allDifferent = layers.map(
    (layer) =>
      JSON.parse(JSON.stringify(layer), (key, value: unknown) =>
        typeof value === 'number' || key === 'within_chance' ? ++numbers : value,
      ) as AnalysedLayer,
  )
  const found = csvParse(categoriesCsv(allDifferent)).map((row) => ({ ...row }))
  assert.equal(found, categoriesRows(allDifferent))
  assert.is(found.length, 4)
})

test.run()
