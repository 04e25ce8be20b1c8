// The claims of the post, each compared with what was found here.
import { textsNeeded } from '../lab/analysis/null-model.ts'
import { SIGNIFICANT } from '../lab/analysis/statistics.ts'
import { count } from '../lab/report/numbers.ts'
import type { AnalysedLayer, CategoryStatistics, Verdict } from '../lab/analysis/layer-analysis.ts'
import { riseVerdict, specialisationVerdict } from './depth-verdicts.ts'
import { ofCategory } from '../lab/analysis/by-category.ts'

/**
 * The claims of the post, each compared with the numbers at hand. A claim that is true of the raw numbers is tested
 * again with the size of activations held fixed: if it then fails, it held only because everything grows. Where chance or
 * the choice of texts could explain either result, it cannot be told.
 */
export function verdicts(layers: readonly AnalysedLayer[]): Verdict[] {
  if (layers.length === 0) return []
  return [
    riseVerdict(layers, {
      claim: 'Peaks rise with depth in every category',
      what: 'The peak activation',
      value: ({ categories }, name) => ofCategory(categories, name).peak?.value ?? 0,
      byNorm: ({ statistics }, name) => ofCategory(statistics.categories, name).peak_by_norm ?? 0,
      step: ({ peak_step }) => peak_step,
    }),
    riseVerdict(layers, {
      claim: 'Aggregates rise with depth in every category',
      what: 'The sum of the five strongest features',
      value: ({ categories }, name) => ofCategory(categories, name).aggregate_top5,
      byNorm: ({ statistics }, name) => ofCategory(statistics.categories, name).aggregate_by_norm ?? 0,
      step: ({ aggregate_step }) => aggregate_step,
    }),
    specialistVerdict(layers),
    specialisationVerdict(layers),
  ]
}

const EVERY_CATEGORY = 'Every category has a specialist feature'

/** In the deepest layer, every category must have a feature whose score is beyond chance. */
function specialistVerdict(layers: readonly AnalysedLayer[]): Verdict {
  const last = layers[layers.length - 1]
  const { categories, permutations } = last.statistics
  const scored = categories.toSorted((a, b) => b.score.value - a.score.value)
  const beyond = scored.filter(({ score }) => !score.within_chance)
  const within = scored.filter(({ score }) => score.within_chance && score.needed !== null)
  const untold = scored.filter(({ score }) => score.within_chance && score.needed === null)
  const positive = last.categories.filter(({ specialist }) => (specialist?.score ?? 0) > 0)
  const told = categories.filter(({ auroc }) => auroc && !auroc.within_chance)
  const all = scored.length
  const shortlist =
    `At layer ${last.layer ?? '?'}, ${positive.length} of ${all} categories have a score above 0 among their five strongest features. ` +
    `Searching all features, ${beyond.length} of ${all} ${beyond.length === 1 ? 'has' : 'have'} a score that shuffled categories hardly reach ` +
    `(p ≤ 0.05 over ${permutations} shuffles, corrected for ${all} categories): ${list(beyond, ({ score }) => String(score.value))}`
  const rest = list(within, ({ score }) => `${score.value} (${score.needed} is needed)`)
  const byLayer = layers.map(
    ({ statistics }) => statistics.categories.filter(({ score }) => !score.within_chance).length,
  )
  const detail =
    `${shortlist}${within.length > 0 ? `; within chance: ${rest}` : ''}${untold.length > 0 ? untoldClause(untold, last) : ''}. ` +
    (layers.length > 1 ? `Beyond chance by layer: ${byLayer.join(', ')} of ${all}. ` : '') +
    `Without a threshold, by AUROC: ${told.length} of ${all}.`
  return {
    claim: EVERY_CATEGORY,
    brief:
      `${beyond.length} of ${all} have one beyond chance at layer ${last.layer ?? '?'}` +
      (untold.length > 0 ? `, for ${untold.length} it cannot be told` : ''),
    status: within.length > 0 ? 'does not hold' : untold.length > 0 ? 'cannot be told' : 'holds',
    detail,
  }
}

/** Why it cannot be told for some categories, whatever their scores, and what would be needed. */
function untoldClause(
  untold: readonly CategoryStatistics[],
  { statistics: { categories, permutations } }: AnalysedLayer,
): string {
  const tests = categories.length - categories.filter(({ score }) => !score.within_chance).length
  const sizes = untold.map(({ texts }) => texts)
  const texts = [...new Set([Math.min(...sizes), Math.max(...sizes)])].join(' to ')
  const shuffles = Math.ceil(tests / SIGNIFICANT) - 1
  const more = Math.max(textsNeeded(categories.length, tests), Math.min(...sizes) + 1)
  const why =
    permutations < shuffles
      ? `with ${count(permutations, 'shuffle')} a p corrected for ${count(tests, 'test')} cannot reach ${SIGNIFICANT}: at least ${shuffles} are needed`
      : `with ${categories.length} categories and ${texts} ${texts === '1' ? 'text' : 'texts'} in each of these a corrected p cannot reach ` +
        `${SIGNIFICANT}: at least ${more} texts per category are needed`
  return `; cannot be told: ${list(untold, ({ score }) => String(score.value))} (${why})`
}

const list = (
  categories: readonly CategoryStatistics[],
  say: (category: CategoryStatistics) => string,
): string => categories.map((one) => `${one.category} ${say(one)}`).join(', ') || 'none'

/** A verdict as a line with all its numbers: `Peaks rise with depth in every category: does not hold. The peak ...` */
export function showVerdict({ claim, status, detail }: Verdict): string {
  return `${claim}: ${status}. ${detail}`
}

/** A verdict in one plain sentence: `Every category has a specialist feature: holds (7 of 7 have one ...).` */
export function showBriefly({ claim, status, brief }: Verdict): string {
  return `${claim}: ${status} (${brief}).`
}

export const QUESTION = 'Which features of sparse autoencoders stand for which kind of text, layer by layer?'

/** What was found, in one plain sentence. */
export function answerOf(layers: readonly AnalysedLayer[]): string {
  const { layer, statistics } = layers[layers.length - 1]
  const scores = Object.values(statistics.categories).map(({ score }) => score)
  const beyond = scores.filter((score) => !score.within_chance).length
  const untold = scores.filter((score) => score.within_chance && score.needed === null).length
  const specialisation = {
    holds: ', and from the first layer to the last such features become more selective',
    'holds only because everything grows':
      ', which become more selective from the first layer to the last only because everything grows',
    'does not hold': ', but not a more selective one than at the first layer',
    'cannot be told': '; whether such features become more selective with depth cannot be told',
    'not tested': '',
  }[specialisationVerdict(layers).status]
  return (
    `At layer ${layer ?? '?'}, ${beyond} of ${scores.length} kinds of text ${beyond === 1 ? 'has' : 'have'} a feature of ` +
    `${beyond === 1 ? 'its' : 'their'} own that chance does not explain${untold > 0 ? ` (for ${untold} it cannot be told)` : ''}${specialisation}.`
  )
}
