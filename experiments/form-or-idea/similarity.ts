// Are two cells alike because they share an idea, or because they share a form?
import { meanSparseRows, sparseRow, type SparseRows } from '../../engine/sparse.ts'
import { textsByLabel } from '../lab/analysis/best-sums.ts'
import { shuffledLabels, type Shuffles } from '../lab/analysis/null-model.ts'
import { permutationPValue } from '../lab/analysis/statistics.ts'
import { labelsOf, relationOf, type Design, type Relation } from './design.ts'
import { jackknifeError } from './jackknife.ts'

/** A mean over the pairs of cells that share the topic (and not the form), the form (and not the topic), or neither. */
export type ByRelation = Record<Relation, number>

/** What sharing something adds to the cosine of two cells, over sharing nothing. */
export interface Effect {
  readonly value: number
  /** From shuffled labels, one-sided: how often chance adds as much. */
  readonly p: number
}

export interface CosineStatistics extends ByRelation {
  /** Topics shuffled among the texts of each form. */
  readonly idea_effect: Effect
  /** Forms shuffled among the texts of each topic. */
  readonly form_effect: Effect
  /** `form` minus `idea`, and where 95 % of such samples of ideas would put it: 1.96 jackknife errors either way. */
  readonly difference: { readonly value: number; readonly interval: readonly [low: number, high: number] }
}

/** The dot product of every two rows. x sparse [texts, width] -> [texts, texts], row-major */
export function dotProducts(x: SparseRows): Float64Array {
  const [texts, width] = x.shape
  const products = new Float64Array(texts * texts)
  const dense = new Float64Array(width)
  for (let a = 0; a < texts; a++) {
    const row = sparseRow(x, a)
    row.indices.forEach((index, i) => (dense[index] = row.values[i]))
    for (let b = 0; b <= a; b++) {
      let sum = 0
      for (let i = x.offsets[b]; i < x.offsets[b + 1]; i++) sum += dense[x.indices[i]] * x.values[i]
      products[a * texts + b] = products[b * texts + a] = sum
    }
    for (const index of row.indices) dense[index] = 0
  }
  return products
}

/**
 * The cosine of every two cells' mean features, from the texts' dot products alone: a mean's products are sums of its
 * texts', and its length does not matter. So a thousand labellings cost a thousand sums, however many features there are.
 * A cell in which nothing fires has the cosine 0 with all.
 * products [texts, texts], cells and weights [texts], weights left out: 1 -> [count, count]
 */
export function cellCosines(
  products: Float64Array,
  cells: Uint32Array,
  count: number,
  weights?: Float64Array,
): Float64Array {
  const texts = cells.length
  const weighted = weights ? weighProducts(products, weights) : products
  const { order, starts } = textsByLabel(cells, count)
  const sums = new Float64Array(count * count)
  for (let a = 0; a < count; a++)
    for (let b = 0; b <= a; b++) {
      let sum = 0
      for (let i = starts[a]; i < starts[a + 1]; i++) {
        const row = order[i] * texts
        for (let j = starts[b]; j < starts[b + 1]; j++) sum += weighted[row + order[j]]
      }
      sums[a * count + b] = sums[b * count + a] = sum
    }
  return sums.map((sum, i) => {
    const square = sums[Math.floor(i / count) * (count + 1)] * sums[(i % count) * (count + 1)]
    return square > 0 ? sum / Math.sqrt(square) : 0
  })
}

function weighProducts(products: Float64Array, weights: Float64Array): Float64Array {
  const weighted = products.slice()
  for (let a = 0, i = 0; a < weights.length; a++)
    for (let b = 0; b < weights.length; b++, i++) weighted[i] *= weights[a] * weights[b]
  return weighted
}

/** matrix [cells, cells], symmetric */
export function meanByRelation(matrix: ArrayLike<number>, design: Design): ByRelation {
  const { cells } = design
  const sums = { idea: 0, form: 0, neither: 0 }
  const pairs = { idea: 0, form: 0, neither: 0 }
  for (let a = 0; a < cells; a++)
    for (let b = 0; b < a; b++) {
      const relation = relationOf(design, a, b)!
      sums[relation] += matrix[a * cells + b]
      pairs[relation]++
    }
  const mean = (relation: Relation): number => sums[relation] / pairs[relation]
  return { idea: mean('idea'), form: mean('form'), neither: mean('neither') }
}

/** means: sparse [texts, width], rows as in the design */
export function testCosines(
  means: SparseRows,
  design: Design,
  draws: Shuffles,
): { statistics: CosineStatistics; matrix: Float64Array } {
  const products = dotProducts(means)
  const { topic, form, cell } = labelsOf(design)
  const matrix = cellCosines(products, cell, design.cells)
  const found = meanByRelation(matrix, design)
  const effect = (relation: 'idea' | 'form', labels: Uint32Array, strata: Uint32Array): Effect => {
    const value = found[relation] - found.neither
    let reached = 0
    for (const dealt of shuffledLabels(labels, draws, strata)) {
      const [topics, forms] = relation === 'idea' ? [dealt, strata] : [strata, dealt]
      const cells = topics.map((number, row) => number * design.forms.length + forms[row])
      const chance = meanByRelation(cellCosines(products, cells, design.cells), design)
      if (chance[relation] - chance.neither >= value) reached++
    }
    return { value, p: permutationPValue(reached, draws.permutations) }
  }
  const value = found.form - found.idea
  const reach = 1.96 * jackknifeError(design, (weights) => formMinusIdea(products, design, weights))
  const statistics: CosineStatistics = {
    ...found,
    idea_effect: effect('idea', topic, form),
    form_effect: effect('form', form, topic),
    difference: { value, interval: [value - reach, value + reach] },
  }
  return { statistics, matrix }
}

function formMinusIdea(products: Float64Array, design: Design, weights: Float64Array): number {
  const { cell } = labelsOf(design)
  const cosines = cellCosines(products, cell, design.cells, weights)
  const { form, idea } = meanByRelation(cosines, design)
  return form - idea
}

/**
 * Jaccard overlap of every two cells' strongest features: how many they have in common, of all that either has.
 * `top` features per cell, by mean activation, fewer where fewer fire; 0 where neither has any.
 * means: sparse [texts, width] -> [cells, cells]
 */
export function topOverlap(means: SparseRows, { cells: count, ideas }: Design, top: number): Float64Array {
  const ofCells = meanSparseRows(means, new Array<number>(count).fill(ideas))
  const strongest = Array.from({ length: count }, (_, cell) => {
    const { indices, values } = sparseRow(ofCells, cell)
    const order = [...indices.keys()].sort((a, b) => values[b] - values[a] || a - b)
    return new Set(order.slice(0, top).map((i) => indices[i]))
  })
  return Float64Array.from({ length: count * count }, (_, i) => {
    const [a, b] = [strongest[Math.floor(i / count)], strongest[i % count]]
    const either = a.union(b).size
    return either > 0 ? a.intersection(b).size / either : 0
  })
}
