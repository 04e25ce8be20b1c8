// The input of the analysis, and the checks that it must pass.
import { positiveEntries, sparseRow, stackRows, type SparseRows } from '../../../engine/sparse.ts'
import { Tensor, showShape } from '../../../engine/tensor.ts'
import { forEachRowBlock, type WeightSource } from '../../../engine/weights/weights.ts'
import { categoriesOf, type LabelledText } from '../texts/texts.ts'

/** A named group of texts. */
export interface Category {
  readonly name: string
  /** The rows of its texts in the features. */
  readonly rows: readonly number[]
}

/** The categories of labelled texts, in order of first appearance, with the rows of their texts. */
export function rowsByCategory(texts: readonly LabelledText[]): Category[] {
  return categoriesOf(texts).map((name) => ({
    name,
    rows: [...texts.keys()].filter((row) => texts[row].category === name),
  }))
}

/** @throws unless each of the rows 0 .. texts - 1 is in exactly one category, and no two share a name */
export function checkCategories(categories: readonly Category[], texts: number): void {
  const rows = categories.flatMap((category) => category.rows)
  if (rows.length !== texts)
    throw new Error(`the features have ${texts} rows, but the labels name ${rows.length} texts`)
  const seen = new Set<number>()
  for (const row of rows) {
    if (!Number.isInteger(row) || row < 0 || row >= texts)
      throw new Error(`the labels name row ${row}, but the features have rows 0..${texts - 1}`)
    if (seen.has(row)) throw new Error(`the labels name row ${row} twice`)
    seen.add(row)
  }
  const names = categories.map((category) => category.name)
  const twice = names.find((name, i) => names.indexOf(name) !== i)
  if (twice !== undefined) throw new Error(`two categories are called "${twice}"`)
}

/** @throws at the first activation that is negative, NaN or infinite, naming its row and feature */
export function checkActivations(features: SparseRows): void {
  for (let row = 0; row < features.shape[0]; row++) {
    const { indices, values } = sparseRow(features, row)
    values.forEach((value, i) => checkActivation(value, row, indices[i]))
  }
}

function checkActivation(value: number, row: number, feature: number): void {
  if (!(value >= 0 && value < Infinity))
    throw new Error(
      `row ${row}, feature ${feature} is ${value}: a ReLU SAE's activations are finite, from 0 up`,
    )
}

const NUMBERS_AT_ONCE = 1 << 20

/**
 * Reads dense features [texts, d_sae] as sparse rows, a few rows in memory at a time.
 * @throws if the tensor is not a matrix of at least one column, or holds a negative number, NaN or infinity
 */
export async function readFeatures(source: WeightSource): Promise<SparseRows> {
  const width = source.shape[1]
  if (source.shape.length !== 2 || width === 0)
    throw new Error(`tensor "${source.name}": expected [texts, d_sae], got ${showShape(source.shape)}`)
  const parts: SparseRows[] = []
  await forEachRowBlock(source, NUMBERS_AT_ONCE, (numbers, firstRow, rowCount) => {
    numbers.forEach((value, i) => checkActivation(value, firstRow + Math.floor(i / width), i % width))
    parts.push(positiveEntries(new Tensor([rowCount, width], numbers)))
  })
  return stackRows(parts, width)
}
