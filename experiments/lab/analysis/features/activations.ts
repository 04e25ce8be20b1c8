// Where and how strongly a feature fires.
import type { FeatureColumn } from '../../models/features.ts'
import { mean, sum } from '../statistics.ts'
import type { ActivationStatistics, FiringTextSummary } from './feature-dashboard.ts'

const BINS = 20
const SHARES = [1, 0.75, 0.5, 0.25]

/** Where and how strongly a feature fires. pieces: one string per token, BOS first. */
export function activationStatistics(
  column: FeatureColumn,
  pieces: readonly (readonly string[])[],
): ActivationStatistics {
  const tokens = column.reduce((sum, text) => sum + text.length - 1, 0)
  const firing = column.flatMap((text) => Array.from(text.filter((value) => value > 0)))
  const texts = firingTexts(column, pieces)
  const max = texts[0]?.max ?? null
  return {
    tokens,
    firing_tokens: firing.length,
    density: firing.length / tokens,
    max,
    mean_where_it_fires: max === null ? null : mean(firing),
    histogram: histogram(firing, max ?? 0),
    firing_texts: texts,
    quantile_examples: quantileExamples(texts),
  }
}

function firingTexts(column: FeatureColumn, pieces: readonly (readonly string[])[]): FiringTextSummary[] {
  return column
    .map((values, text) => {
      const max = values.reduce((a, b) => Math.max(a, b), 0)
      const position = values.indexOf(max)
      const average = sum(values) / (values.length - 1)
      const firing_tokens = values.filter((value) => value > 0).length
      return { text, max, position, token: pieces[text][position], mean: average, firing_tokens }
    })
    .filter(({ max }) => max > 0)
    .sort((a, b) => b.max - a.max || a.text - b.text)
}

/** Positive numbers up to `max`, counted in bins of equal width; a number on an edge belongs to the bin below it. */
function histogram(values: readonly number[], max: number): ActivationStatistics['histogram'] {
  const counts = new Array<number>(BINS).fill(0)
  for (const value of values) counts[Math.max(0, Math.ceil((value / max) * BINS) - 1)]++
  return { edges: Array.from({ length: BINS + 1 }, (_, i) => (i / BINS) * max), counts }
}

function quantileExamples(texts: readonly FiringTextSummary[]): ActivationStatistics['quantile_examples'] {
  const left = [...texts]
  const examples = []
  for (const share of SHARES.slice(0, texts.length)) {
    const distance = ({ max }: FiringTextSummary) => Math.abs(max - share * texts[0].max)
    const nearest = left.reduce((best, text) => (distance(text) < distance(best) ? text : best))
    left.splice(left.indexOf(nearest), 1)
    examples.push({ share, text: nearest.text, max: nearest.max })
  }
  return examples
}
