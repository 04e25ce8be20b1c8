// Features as columns: the texts in which each is above a threshold.
import type { SparseRows } from '../../../engine/sparse.ts'
import type { Category } from './input.ts'

/** A feature and the texts in which it is above a threshold, rising. */
export interface Column {
  readonly feature: number
  readonly texts: readonly number[]
  /** Its activation in each of those texts. */
  readonly values: readonly number[]
}

/** Token-mean features [texts, d_sae] feature by feature. A feature that is nowhere above the threshold has no column. */
export function columnsAbove(features: SparseRows, threshold: number): Column[] {
  const columns = new Map<number, { feature: number; texts: number[]; values: number[] }>()
  for (let text = 0; text < features.shape[0]; text++)
    for (let entry = features.offsets[text]; entry < features.offsets[text + 1]; entry++) {
      const [feature, value] = [features.indices[entry], features.values[entry]]
      if (!(value > threshold)) continue
      let column = columns.get(feature)
      if (!column) columns.set(feature, (column = { feature, texts: [], values: [] }))
      column.texts.push(text)
      column.values.push(value)
    }
  return [...columns.values()]
}

/** Each text's category as its place in `categories`. -> [texts] */
export function labelsOf(categories: readonly Category[]): Uint32Array {
  const labels = new Uint32Array(categories.reduce((texts, { rows }) => texts + rows.length, 0))
  for (const [label, { rows }] of categories.entries()) for (const row of rows) labels[row] = label
  return labels
}
