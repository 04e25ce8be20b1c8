// What was found, in sentences computed from the data at hand.
import { count, showSigned } from '../lab/report/numbers.ts'
import { overall } from './conclude.ts'
import type { AblationResults, Contrast, Estimate, RankCorrelation, TestedFeature } from './effects.ts'
import { ofCategory } from '../lab/analysis/by-category.ts'

type Verdict = 'more' | 'less' | 'unclear' | 'too few'

/** Above 0, below 0, or not told apart from 0: where the whole interval lies, if it is of enough to lie anywhere else. */
function verdictOf({ interval: [low, high], too_few }: Estimate): Verdict {
  if (too_few) return 'too few'
  return low > 0 ? 'more' : high < 0 ? 'less' : 'unclear'
}

const between = ({ interval: [low, high] }: Estimate, digits: number): string =>
  `95 % interval ${showSigned(low, digits)} to ${showSigned(high, digits)}`

/** A sentence each. */
export function findings(results: AblationResults): string[] {
  const sentences = results.contrasts.map(contrastSentence)
  return [
    selectivitySentence(results),
    shiftSentence(results),
    sizeSentence(results),
    ...sentences,
    flipSentence(results),
  ].filter((sentence) => sentence !== null)
}

/** The question of the experiment, and its answer. */
export function selectivitySentence(results: AblationResults): string | null {
  const row = overall(results, 'score', 'removed_loss')
  if (!row) return null
  const question = 'Does the most selective feature matter most?'
  if (!row.rho)
    return `${question} It cannot be told: scores or effects of the ${row.features} tested features do not vary.`
  const verdict = {
    more: 'By and large, yes',
    less: 'No, rather the reverse',
    unclear: 'It cannot be told from these features',
    'too few': 'It cannot be told, the features are too few',
  }[verdictOf(row.rho)]
  return (
    `${question} ${verdict}: the rank correlation between a feature’s specialist score and what its removal adds to the loss on ` +
    `its category’s texts is ${showSigned(row.rho.value, 2)} (${between(row.rho, 2)}; ${scope(row, results)}). ${topSentence(results)}`
  )
}

/** The question taken at its word: the feature with the highest score, against the one with the largest effect. */
function topSentence({ features }: AblationResults): string {
  const layers = [...Map.groupBy(features, ({ layer }) => layer).values()]
  const cost = ({ removed, category }: TestedFeature) => ofCategory(removed, category).loss
  const hits = layers.filter((tested) => {
    const best = Math.max(...tested.map(({ score }) => score))
    const most = Math.max(...tested.map(cost))
    return tested.some((one) => one.score === best && cost(one) === most)
  })
  return `The feature with the highest score is the one whose removal costs most in ${hits.length} of ${count(layers.length, 'layer')}.`
}

/** The same by how far predictions move in any direction, which loss, going up or down, does not show. */
function shiftSentence(results: AblationResults): string | null {
  const row = overall(results, 'score', 'removed_kl')
  if (!row?.rho) return null
  const verdict = {
    more: 'moves predictions further where it is more selective',
    less: 'moves predictions less where it is more selective',
    unclear: 'does not clearly move predictions further, or less, where it is more selective',
    'too few':
      'may move predictions further, or less, where it is more selective: it cannot be told, the features are too few',
  }[verdictOf(row.rho)]
  return `Taking a feature out ${verdict}: rank correlation of score and KL divergence ${showSigned(row.rho.value, 2)} (${between(row.rho, 2)}).`
}

/** Whether something simpler than selectivity, how much the feature writes, goes with its effect. */
function sizeSentence(results: AblationResults): string | null {
  const row = overall(results, 'size', 'removed_loss')
  if (!row?.rho) return null
  const verdict = {
    more: 'goes with its effect on the loss',
    less: 'goes against its effect on the loss',
    unclear: 'does not tell its effect on the loss either way',
    'too few':
      'may go with its effect on the loss, or against it: it cannot be told, the features are too few',
  }[verdictOf(row.rho)]
  return `How much a feature writes into the stream ${verdict}: rank correlation ${showSigned(row.rho.value, 2)} (${between(row.rho, 2)}).`
}

const scope = (row: RankCorrelation, { features }: AblationResults): string => {
  const layers = new Set(features.map(({ layer }) => layer)).size
  return `${row.features} features${layers > 1 ? `, mean of ${layers} layers` : ''}`
}

const subjects: Record<Contrast['name'], [sentence: string, other: string, unit: string]> = {
  random: [
    'Removing a category’s specialist changes the loss on its texts by',
    'removing random active features of about the same size',
    'nats a token',
  ],
  other_specialists: [
    'Removing a category’s specialist changes the loss on its texts by',
    'removing the specialists of other categories',
    'nats a token',
  ],
  other_categories: [
    'Removing a specialist changes the loss on its own category’s texts by',
    'its removal on the texts of the other categories',
    'nats a token',
  ],
  steering_random: [
    'Adding a specialist’s direction shifts the next-token distribution on its texts by a KL divergence of',
    'adding random features’ directions at the same length',
    'nats',
  ],
}

function contrastSentence({ name, specialist, other, difference, pairs }: Contrast): string {
  const [sentence, against, unit] = subjects[name]
  const show = (value: number) => (name === 'steering_random' ? value.toFixed(4) : showSigned(value, 4))
  const verdict = {
    more: `more than ${against}`,
    less: `less than ${against}`,
    unclear: `not clearly more or less than ${against}`,
    'too few': `and it cannot be told from ${count(pairs, 'pair')} of layer and category whether that is more or less than ${against}`,
  }[verdictOf(difference)]
  return (
    `${sentence} ${show(specialist)} ${unit}, ${verdict} (${show(other)}; ` +
    `difference ${showSigned(difference.value, 4)}, ${between(difference, 4)}).`
  )
}

/** The specialist whose removal turns most predictions of its category. */
function flipSentence({ features }: AblationResults): string | null {
  const specialists = features.filter(({ kind }) => kind === 'specialist')
  const flips = ({ removed, category }: (typeof specialists)[number]) => ofCategory(removed, category).flips
  const [most] = specialists.toSorted((a, b) => flips(b) - flips(a))
  if (!most) return null
  return (
    `Without feature ${most.feature} of layer ${most.layer}, another token becomes the most probable after ` +
    `${(100 * flips(most)).toFixed(1)} % of the tokens of ${most.category}: the most that any specialist does.`
  )
}
