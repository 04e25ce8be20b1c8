// The table beside results.json.
import type { FeatureColumn } from '../lab/models/features.ts'
import { csv } from '../lab/report/csv.ts'
import type { TokenText } from '../lab/report/tokens.ts'

/** A row for each token on which the feature fires; positions count from BOS, 0. */
export function tokensCsv(column: FeatureColumn, texts: readonly TokenText[]): string {
  const rows = column.flatMap((values, text) => {
    const { category, pieces } = texts[text]
    const positions = [...values.keys()].filter((position) => values[position] > 0)
    return positions.map((position) => [text, category, position, pieces[position], values[position]])
  })
  return csv('text_row,category,position,token,activation', rows)
}
