// The post's numbers beside ours.
import { formatTable } from '../cli/table.ts'
import post from './the-post.json' with { type: 'json' }
import type { CategoryAnalysis, FeatureValue, LayerAnalysis } from './layer-analysis.ts'

/** The post's four layers of GPT-2 small. */
export const postLayers: readonly number[] = post.layers.map(({ layer }) => layer)

/** Where the post's numbers are stored. */
export const postOrigin = post.origin

/** Values are published to one decimal; the same amount again is allowed for another machine's float32. */
export const replicationTolerance = 0.1

/** What the post publishes for one category at one layer. */
interface PostResult {
  readonly peak: FeatureValue
  readonly aggregate_top5: number
  readonly specialist: { readonly feature: number; readonly score: number }
}

/** One category at one layer: the post's figures, and ours. */
export interface ReplicationRow {
  readonly category: string
  readonly layer: number
  readonly published: PostResult
  readonly ours: Pick<CategoryAnalysis, 'peak' | 'aggregate_top5' | 'specialist'>
  /** Ours minus published; null if no feature fires. */
  readonly difference: { readonly peak: number | null; readonly aggregate_top5: number }
  /** What differs: empty for a row that is replicated. */
  readonly differs: readonly string[]
}

/**
 * Compares the post's layers with its numbers, category by category. That makes sense only for an analysis of the post's
 * texts, with its model and its threshold.
 * @throws if a category of the post is missing
 */
export function replicate(layers: readonly LayerAnalysis[]): ReplicationRow[] {
  return post.layers.flatMap(({ layer, categories }) => {
    const analysis = layers.find((one) => one.layer === layer)
    if (analysis === undefined) return []
    return Object.entries(categories).map(([category, published]) => {
      const ours = analysis.categories.find((one) => one.category === category)
      if (ours === undefined)
        throw new Error(`replicate: layer ${layer} was analysed without the post's category ${category}`)
      return compareRow(layer, published, ours)
    })
  })
}

function compareRow(
  layer: number,
  published: PostResult,
  { category, peak, aggregate_top5, specialist }: CategoryAnalysis,
): ReplicationRow {
  const difference = {
    peak: peak && peak.value - published.peak.value,
    aggregate_top5: aggregate_top5 - published.aggregate_top5,
  }
  const far = (value: number | null) => value === null || !(Math.abs(value) <= replicationTolerance)
  const differs = [
    peak?.feature !== published.peak.feature && 'peak feature',
    far(difference.peak) && 'peak',
    far(difference.aggregate_top5) && 'top 5',
    specialist?.feature !== published.specialist.feature && 'specialist',
    specialist?.score !== published.specialist.score && 'score',
  ].filter((word) => word !== false)
  return { category, layer, published, ours: { peak, aggregate_top5, specialist }, difference, differs }
}

/** A row's cells, for the terminal and for the report. Features as `value #feature`. */
export function replicationCells({ published, ours, difference, differs }: ReplicationRow): string[] {
  const signed = (value: number | null) =>
    value === null ? '–' : (value < 0 ? '−' : '+') + Math.abs(value).toFixed(2)
  return [
    `${published.peak.value.toFixed(1)} #${published.peak.feature}`,
    ours.peak ? `${ours.peak.value.toFixed(2)} #${ours.peak.feature}` : '–',
    signed(difference.peak),
    published.aggregate_top5.toFixed(1),
    ours.aggregate_top5.toFixed(2),
    signed(difference.aggregate_top5),
    `${published.specialist.score} #${published.specialist.feature}`,
    ours.specialist ? `${ours.specialist.score} #${ours.specialist.feature}` : '–',
    differs.length === 0 ? 'same' : `differs: ${differs.join(', ')}`,
  ]
}

export const replicationHead = [
  'category',
  'layer',
  'peak, post',
  'ours',
  'diff',
  'top 5, post',
  'ours',
  'diff',
  'score, post',
  'ours',
  'verdict',
]

/** `27 of 28 rows of the post are replicated`, and what the verdict means. */
export function replicationSummary(rows: readonly ReplicationRow[]): string {
  const same = rows.filter(({ differs }) => differs.length === 0).length
  return (
    `${same} of ${rows.length} rows of the post are replicated: the same features and scores, ` +
    `values within ${replicationTolerance}, as they are published to one decimal.`
  )
}

/** The rows as a table for the terminal, category by category. */
export function replicationTable(rows: readonly ReplicationRow[]): string {
  const sorted = [...Map.groupBy(rows, ({ category }) => category).values()].flat()
  const cells = sorted.map((row) => [row.category, row.layer, ...replicationCells(row)])
  return `${formatTable(replicationHead, cells)}\n${replicationSummary(rows)}`
}
