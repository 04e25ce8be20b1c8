// What was found, in sentences computed from the data.
import { namedFeature } from '../lab/report/tokens.ts'
import { count, showShare, showSigned } from '../lab/report/numbers.ts'
import { overall } from './conclude.ts'
import type { AblationResults, Contrast, Estimate, RankCorrelation, TestedFeature } from './effects.ts'
import { ofCategory } from '../lab/analysis/by-category.ts'

/** What was found: in a plain sentence, and the numbers behind it. */
export interface Finding {
  /** Whether the data decide one way or the other. */
  readonly told: boolean
  readonly sentence: string
  readonly figures: string
}

type Verdict = 'more' | 'less' | 'unclear' | 'too few'

/** Where the whole interval lies: above 0, below 0, or around 0; or that it has too few items to say anything. */
function verdictOf({ interval: [low, high], too_few }: Estimate): Verdict {
  if (too_few) return 'too few'
  return low > 0 ? 'more' : high < 0 ? 'less' : 'unclear'
}

const isTold = (estimate: Estimate): boolean => ['more', 'less'].includes(verdictOf(estimate))

const between = ({ interval: [low, high] }: Estimate, digits: number): string =>
  `95 % interval ${showSigned(low, digits)} to ${showSigned(high, digits)}`

/** The question's answer, then what else was found. */
export function findings(results: AblationResults): Finding[] {
  return [
    selectivity(results),
    shift(results),
    size(results),
    ...results.contrasts.map(contrast),
    flips(results),
  ].filter((finding) => finding !== null)
}

export const QUESTION = 'Does the most selective feature matter most?'

/** The question of the experiment, and its answer. */
function selectivity(results: AblationResults): Finding | null {
  const row = overall(results, 'score', 'removed_loss')
  if (!row) return null
  if (!row.rho)
    return {
      told: false,
      sentence: `It cannot be told whether the most selective feature matters most: scores or effects of the ${row.features} tested features do not vary.`,
      figures: '',
    }
  const verdict = {
    more: 'By and large, the most selective feature matters most',
    less: 'The most selective feature does not matter most; if anything, the reverse is true',
    unclear: 'It cannot be told from these features whether the most selective one matters most',
    'too few':
      'It cannot be told whether the most selective feature matters most, because the features are too few',
  }[verdictOf(row.rho)]
  return {
    told: isTold(row.rho),
    sentence: `${verdict}: ${topClause(results)}.`,
    figures:
      'The rank correlation between a feature’s specialist score and what its removal adds to the loss on its category’s ' +
      `texts is ${showSigned(row.rho.value, 2)} (${between(row.rho, 2)}; ${scope(row, results)}).`,
  }
}

/** The question taken literally: the feature with the highest score, against the one with the largest effect. */
function topClause({ features }: AblationResults): string {
  const layers = [...Map.groupBy(features, ({ layer }) => layer).values()]
  const cost = ({ removed, category }: TestedFeature) => ofCategory(removed, category).loss
  const hits = layers.filter((tested) => {
    const best = Math.max(...tested.map(({ score }) => score))
    const most = Math.max(...tested.map(cost))
    return tested.some((one) => one.score === best && cost(one) === most)
  })
  return `the feature with the highest score is the one whose removal costs most in ${hits.length} of ${count(layers.length, 'layer')}`
}

/** The same, by how far predictions move in any direction, which the loss, going up or down, does not show. */
function shift(results: AblationResults): Finding | null {
  const row = overall(results, 'score', 'removed_kl')
  if (!row?.rho) return null
  const verdict = {
    more: 'moves predictions further where it is more selective',
    less: 'moves predictions less far where it is more selective',
    unclear: 'does not clearly move predictions further, or less far, where it is more selective',
    'too few':
      'may move predictions further, or less far, where it is more selective: it cannot be told, because the features are too few',
  }[verdictOf(row.rho)]
  return {
    told: isTold(row.rho),
    sentence: `Taking a feature out ${verdict}.`,
    figures: `The rank correlation of score and KL divergence is ${showSigned(row.rho.value, 2)} (${between(row.rho, 2)}).`,
  }
}

/** Whether something simpler than selectivity, namely how much the feature writes, goes with its effect. */
function size(results: AblationResults): Finding | null {
  const row = overall(results, 'size', 'removed_loss')
  if (!row?.rho) return null
  const verdict = {
    more: 'goes with its effect on the loss',
    less: 'goes against its effect on the loss',
    unclear: 'does not predict its effect on the loss either way',
    'too few':
      'may go with its effect on the loss, or against it: it cannot be told, because the features are too few',
  }[verdictOf(row.rho)]
  return {
    told: isTold(row.rho),
    sentence: `How much a feature writes into the stream ${verdict}.`,
    figures: `The rank correlation of size and change of loss is ${showSigned(row.rho.value, 2)} (${between(row.rho, 2)}).`,
  }
}

const scope = (row: RankCorrelation, { features }: AblationResults): string => {
  const layers = new Set(features.map(({ layer }) => layer)).size
  return `${row.features} features${layers > 1 ? `, mean of ${layers} layers` : ''}`
}

const subjects: Record<Contrast['name'], [subject: string, verb: string, other: string, unit: string]> = {
  random: [
    'Removing a category’s specialist',
    'changes the loss on its texts',
    'removing random active features of about the same size',
    'nats per token',
  ],
  other_specialists: [
    'Removing a category’s specialist',
    'changes the loss on its texts',
    'removing the specialists of other categories',
    'nats per token',
  ],
  other_categories: [
    'Removing a specialist',
    'changes the loss on its own category’s texts',
    'the loss on the texts of the other categories',
    'nats per token',
  ],
  steering_random: [
    'Adding a specialist’s direction',
    'shifts the next-token distribution on its texts',
    'adding random features’ directions at the same length',
    'nats of KL divergence',
  ],
}

function contrast({ name, specialist, other, difference, pairs }: Contrast): Finding {
  const [subject, verb, against, unit] = subjects[name]
  const show = (value: number) => (name === 'steering_random' ? value.toFixed(4) : showSigned(value, 4))
  const sentence = {
    more: `${subject} ${verb} more than ${against}.`,
    less: `${subject} ${verb} less than ${against}.`,
    unclear: `${subject} ${verb} not clearly more or less than ${against}.`,
    'too few': `Whether ${lower(subject)} ${verb} more or less than ${against} cannot be told from ${count(pairs, 'pair')} of layer and category.`,
  }[verdictOf(difference)]
  return {
    told: isTold(difference),
    sentence,
    figures:
      `By ${show(specialist)} ${unit}, against ${show(other)}; ` +
      `the difference is ${showSigned(difference.value, 4)} (${between(difference, 4)}).`,
  }
}

const lower = (text: string): string => text[0].toLowerCase() + text.slice(1)

/** The specialist whose removal changes the most predictions of its category. */
function flips({ features }: AblationResults): Finding | null {
  const specialists = features.filter(({ kind }) => kind === 'specialist')
  const share = ({ removed, category }: (typeof specialists)[number]) => ofCategory(removed, category).flips
  const [most] = specialists.toSorted((a, b) => share(b) - share(a))
  if (!most) return null
  return {
    told: true,
    sentence:
      `Of all specialists, feature ${namedFeature(most.feature, most.token)} of layer ${most.layer} changes the most predictions when it is taken out: ` +
      `${showShare(share(most))} of those on texts of ${most.category}.`,
    figures: 'That is the share of tokens after which a different next token becomes the most probable.',
  }
}
