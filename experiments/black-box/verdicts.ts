// The claims of the post, each held against what was found here.
import type { AnalysedLayer, CategoryStatistics, Verdict } from '../lab/analysis/layer-analysis.ts'
import { riseVerdict, specialisationVerdict } from './depth-verdicts.ts'

/**
 * The claims of the post, each held against the numbers at hand. A claim that is true of the raw numbers is asked a
 * second time with the size of activations held still: what then is gone held only because everything grows. Where chance
 * or the choice of texts would explain what was found, and what was not, it cannot be told.
 */
export function verdicts(layers: readonly AnalysedLayer[]): Verdict[] {
  if (layers.length === 0) return []
  return [
    riseVerdict(layers, {
      claim: 'Peaks rise with depth in every category',
      what: 'The peak activation',
      value: ({ categories }, name) => categories[name].peak?.value ?? 0,
      byNorm: ({ statistics }, name) => statistics.categories[name].peak_by_norm ?? 0,
      step: ({ peak_step }) => peak_step,
    }),
    riseVerdict(layers, {
      claim: 'Aggregates rise with depth in every category',
      what: 'The sum of the five strongest features',
      value: ({ categories }, name) => categories[name].aggregate_top5,
      byNorm: ({ statistics }, name) => statistics.categories[name].aggregate_by_norm ?? 0,
      step: ({ aggregate_step }) => aggregate_step,
    }),
    specialistVerdict(layers),
    specialisationVerdict(layers),
  ]
}

/** In the deepest layer, every category must have a feature whose score is beyond chance. */
function specialistVerdict(layers: readonly AnalysedLayer[]): Verdict {
  const last = layers[layers.length - 1]
  const { categories, permutations } = last.statistics
  const scored = Object.entries(categories).sort(([, a], [, b]) => b.score.value - a.score.value)
  const beyond = scored.filter(([, { score }]) => !score.within_chance)
  const within = scored.filter(([, { score }]) => score.within_chance)
  const positive = Object.values(last.categories).filter(({ specialist }) => (specialist?.score ?? 0) > 0)
  const told = Object.values(categories).filter(({ auroc }) => auroc && !auroc.within_chance)
  const all = scored.length
  const shortlist =
    `At layer ${last.layer ?? '?'}, ${positive.length} of ${all} categories have a score above 0 among their five strongest features. ` +
    `Searching all features, ${beyond.length} of ${all} ${beyond.length === 1 ? 'has' : 'have'} a score that shuffled categories hardly reach ` +
    `(p ≤ 0.05 over ${permutations} shuffles, corrected for ${all} categories): ${list(beyond, ({ score }) => String(score.value))}`
  const rest = list(within, ({ score }) => `${score.value} (chance reaches ${score.chance_q95})`)
  const byLayer = layers.map(
    ({ statistics }) =>
      Object.values(statistics.categories).filter(({ score }) => !score.within_chance).length,
  )
  const detail =
    `${shortlist}${within.length > 0 ? `; within chance: ${rest}` : ''}. ` +
    (layers.length > 1 ? `Beyond chance by layer: ${byLayer.join(', ')} of ${all}. ` : '') +
    `Without a threshold, by AUROC: ${told.length} of ${all}.`
  return {
    claim: 'Every category has a specialist feature',
    status: within.length === 0 ? 'holds' : 'does not hold',
    detail,
  }
}

const list = (
  categories: readonly [string, CategoryStatistics][],
  say: (category: CategoryStatistics) => string,
): string => categories.map(([name, category]) => `${name} ${say(category)}`).join(', ') || 'none'

/** A verdict as a line: `Peaks rise with depth in every category: does not hold. The peak ...` */
export function showVerdict({ claim, status, detail }: Verdict): string {
  return `${claim}: ${status}. ${detail}`
}
