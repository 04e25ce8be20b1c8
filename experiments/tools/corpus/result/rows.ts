// The rows of the result's tables.
import type { ColumnType } from './table.ts'
import type { ExampleRow, FeatureRow, LayerRow } from '../../../lab/analysis/corpus/corpus-format.ts'
import type { TokenEffect } from '../../../lab/analysis/features/feature-dashboard.ts'
import type { Example, Tally } from '../tally/tally.ts'
import { intervalsOf } from './intervals.ts'
import type { Partner } from './partners.ts'

type Columns<Row> = Readonly<Record<keyof Row & string, ColumnType>>
// Without the index signature that a table's rows have.
type Named<Row> = { [Key in keyof Row as string extends Key ? never : Key]: Row[Key] }

export const FEATURE_COLUMNS: Columns<Named<FeatureRow>> = {
  ...{ layer: 'INT32', hook: 'STRING', feature: 'INT32', firings: 'INT64', density: 'DOUBLE' },
  ...{ mean: 'DOUBLE', max: 'FLOAT', sum: 'DOUBLE', sum_of_squares: 'DOUBLE', histogram: ['INT64'] },
  ...{ token: 'STRING', promoted: ['STRING'], promoted_logits: ['FLOAT'] },
  ...{ suppressed: ['STRING'], suppressed_logits: ['FLOAT'] },
  ...{ partners: ['INT32'], partners_together: ['INT32'], partners_correlation: ['FLOAT'] },
  ...{ labels: ['STRING'], label_firings: ['INT64'], first_example: 'INT32', examples: 'INT32' },
}

export const EXAMPLE_COLUMNS: Columns<Named<ExampleRow>> = {
  ...{ layer: 'INT32', feature: 'INT32', interval: 'INT32', interval_from: 'DOUBLE', interval_to: 'DOUBLE' },
  ...{ interval_firings: 'INT64', activation: 'FLOAT', document: 'INT32', file: 'STRING', row: 'INT32' },
  ...{ position: 'INT32', label: 'STRING', at: 'INT32', token_ids: ['INT32'], tokens: ['STRING'] },
  activations: ['FLOAT'],
}

export const LAYER_COLUMNS: Columns<Named<LayerRow>> = {
  ...{ layer: 'INT32', hook: 'STRING', d_sae: 'INT32', tokens: 'INT64', l0: 'DOUBLE' },
  ...{ dead_features: 'INT32', dense_features: 'INT32', measured_tokens: 'INT32' },
  ...{ explained_variance: 'DOUBLE', ce_clean: 'DOUBLE', ce_spliced: 'DOUBLE' },
  ...{ ce_zero_ablated: 'DOUBLE', ce_mean_ablated: 'DOUBLE' },
  ...{ ce_recovered: 'DOUBLE', ce_recovered_of_mean: 'DOUBLE' },
}

/** What the rows of all features share. */
export interface Naming {
  readonly layer: number
  readonly hook: string
  readonly tokens: number
  readonly files: readonly string[]
  readonly labels: readonly string[]
  readonly pieces: (ids: Uint32Array) => string[]
}

const LISTED_LABELS = 10

export interface Lens {
  readonly promoted: readonly TokenEffect[]
  readonly suppressed: readonly TokenEffect[]
}

export function featureRow(
  tally: Tally,
  { promoted, suppressed }: Lens,
  partners: readonly Partner[],
  examples: { first: number; rows: readonly ExampleRow[] },
  { layer, hook, tokens, labels }: Naming,
): FeatureRow {
  const { feature, firings, sum, sumOfSquares, max, histogram } = tally
  const labelled = tally.labels
    .map((firings, label) => ({ label: labels[label], firings }))
    .filter(({ firings }) => firings > 0)
    .sort((a, b) => b.firings - a.firings || (a.label < b.label ? -1 : 1))
    .slice(0, LISTED_LABELS)
  const [strongest] = examples.rows
  return {
    ...{ layer, hook, feature, firings: BigInt(firings), density: firings / tokens },
    ...{ mean: firings === 0 ? null : sum / firings, max: firings === 0 ? null : max },
    ...{ sum, sum_of_squares: sumOfSquares, histogram: Array.from(histogram, BigInt) },
    token: firings === 0 ? null : strongest.tokens[strongest.at],
    ...{ promoted: promoted.map(({ token }) => token), promoted_logits: promoted.map(({ logit }) => logit) },
    ...{
      suppressed: suppressed.map(({ token }) => token),
      suppressed_logits: suppressed.map(({ logit }) => logit),
    },
    partners: partners.map((one) => one.feature),
    partners_together: partners.map(({ together }) => together),
    partners_correlation: partners.map(({ correlation }) => correlation),
    labels: labelled.map(({ label }) => label),
    label_firings: labelled.map(({ firings }) => BigInt(firings)),
    ...{ first_example: examples.first, examples: examples.rows.length },
  }
}

/** The strongest firings, then those drawn from each interval, the strongest first. */
export function exampleRows(tally: Tally, naming: Naming): ExampleRow[] {
  const { layer, files, labels, pieces } = naming
  const rowOf = (example: Example, interval: Pick<ExampleRow, `interval${string}`>) => {
    const { activation, document, file, row, position, label, at, ids, activations } = example
    return {
      ...{
        layer,
        feature: tally.feature,
        ...interval,
        activation,
        document,
        file: files[file],
        row,
        position,
      },
      ...{ label: label < 0 ? null : labels[label], at, token_ids: [...ids] },
      ...{ tokens: pieces(ids), activations: [...activations] },
    } as ExampleRow
  }
  const top = tally.top.map((one) => {
    const { activation } = one
    return rowOf(one, {
      ...{ interval: 0, interval_from: activation, interval_to: activation, interval_firings: null },
    })
  })
  const drawn = intervalsOf(tally).flatMap(({ from, to, firings, examples }, i) =>
    examples
      .toSorted((a, b) => b.activation - a.activation)
      .map((one) =>
        rowOf(one, {
          ...{ interval: i + 1, interval_from: from, interval_to: to, interval_firings: BigInt(firings) },
        }),
      ),
  )
  return [...top, ...drawn]
}
