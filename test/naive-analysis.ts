import type { Category } from '../experiments/lab/analysis/input.ts'
import type {
  CategoryAnalysis,
  LayerAnalysis,
  Specialist,
} from '../experiments/lab/analysis/layer-analysis.ts'

/**
 * The analysis once more, straight from the definitions: dense arrays, every feature looked at for every figure.
 * It shares no code with experiments/lab/analysis/analyse-layer.ts.
 */
export function naiveAnalysis(
  given: { dense: number[][]; categories: Category[]; threshold: number },
  layer: number,
): LayerAnalysis {
  const { dense, categories, threshold } = given
  const width = dense[0]?.length ?? 1
  const column = (feature: number): number[] => dense.map((text) => text[feature])
  const highest = (values: number[]): number => Math.max(0, ...values)
  const above = (values: number[]): number => values.filter((value) => value > threshold).length
  /** All features that fire in `values(feature)`, by descending keys, then by rising number. */
  const rank = (fires: (feature: number) => boolean, ...keys: ((feature: number) => number)[]): number[] =>
    Array.from({ length: width }, (_, feature) => feature)
      .filter(fires)
      .sort((a, b) => keys.map((key) => key(b) - key(a)).find((difference) => difference !== 0) ?? a - b)

  const overall = (feature: number): number => highest(column(feature))
  const frequency = (feature: number): number => column(feature).filter((value) => value > 0).length
  const ranked = rank((feature) => overall(feature) > 0, overall)
  const [frequent] = rank((feature) => overall(feature) > 0, frequency, overall)
  const named = new Set(ranked.slice(0, 5))
  if (frequent !== undefined) named.add(frequent)

  const results: CategoryAnalysis[] = []
  const selective: (Specialist & { category: string })[] = []
  for (const { name, rows } of categories) {
    const inside = (feature: number): number[] => rows.map((row) => dense[row][feature])
    const outside = (feature: number): number[] => column(feature).filter((_, row) => !rows.includes(row))
    const value = (feature: number): number => highest(inside(feature))
    const score = (feature: number): number => above(inside(feature)) - above(outside(feature))
    const describe = (feature: number): Specialist => ({
      feature,
      score: score(feature),
      inside: above(inside(feature)),
      outside: above(outside(feature)),
      value: value(feature),
    })
    const fires = (feature: number): boolean => value(feature) > 0
    const top = rank(fires, value).slice(0, 5)
    const values = [...top.map(value), 0, 0, 0, 0, 0].slice(0, Math.min(5, width))
    const aggregate = values.reduce((sum, one) => sum + one, 0)
    const differences = values.flatMap((a) => values.map((b) => Math.abs(a - b)))
    const meanDifference = differences.reduce((sum, one) => sum + one, 0) / values.length ** 2
    const [best] = rank(fires, score, value)
    const [specialist] = rank((feature) => top.includes(feature), score, value)
    results.push({
      category: name,
      peak: top.length > 0 ? { feature: top[0], value: value(top[0]) } : null,
      aggregate_top5: aggregate,
      peak_to_aggregate: top.length > 0 ? value(top[0]) / aggregate : null,
      gini_top5: aggregate > 0 ? meanDifference / (2 * (aggregate / values.length)) : 0,
      specialist: specialist === undefined ? null : describe(specialist),
      full_search: {
        best_score: best === undefined ? null : score(best),
        features: rank(fires).filter((one) => score(one) === score(best) && above(inside(one)) > 0),
      },
    })
    for (const feature of [top[0], specialist]) if (feature !== undefined) named.add(feature)
    selective.push(...rank(fires).map((feature) => ({ category: name, ...describe(feature) })))
  }
  selective.sort((a, b) => b.score - a.score || b.value - a.value || a.feature - b.feature)
  if (selective.length > 0) named.add(selective[0].feature)

  const firing = (feature: number): [number, number][] =>
    column(feature)
      .map((value, row): [number, number] => [row, value])
      .filter(([, value]) => value > 0)
      .sort((a, b) => b[1] - a[1] || a[0] - b[0])
  return {
    layer,
    threshold,
    texts: dense.length,
    strongest:
      ranked.length > 0
        ? { feature: ranked[0], value: overall(ranked[0]), text: firing(ranked[0])[0][0] }
        : null,
    most_frequent: frequent === undefined ? null : { feature: frequent, texts: frequency(frequent) },
    top5_strongest: ranked.slice(0, 5).map((feature) => [feature, overall(feature)]),
    pairs_above_threshold: above(dense.flat()),
    most_selective: selective.length > 0 ? selective[0] : null,
    categories: results,
    firing_texts: Object.fromEntries([...named].map((feature) => [feature, firing(feature)])),
  }
}
