import { csvFormatRows } from 'd3-dsv'
import type { FeatureColumn } from '../lab/models/features.ts'
import type { TokenText } from '../lab/report/tokens.ts'

/** A row for each token on which the feature fires; positions count from BOS, 0. */
export function tokensCsv(column: FeatureColumn, texts: readonly TokenText[]): string {
  const rows = column.flatMap((values, text) =>
    Array.from(values, (value, position) => ({ value, position }))
      .filter(({ value }) => value > 0)
      .map(({ value, position }) => [
        `${text}`,
        texts[text].category,
        `${position}`,
        texts[text].pieces[position],
        `${value}`,
      ]),
  )
  return csvFormatRows([['text_row', 'category', 'position', 'token', 'activation'], ...rows]) + '\n'
}
