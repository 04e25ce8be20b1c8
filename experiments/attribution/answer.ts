// What was found, in sentences: the same in the terminal and in the report.
import { showCorrelation, showShare, showSigned } from '../lab/report/numbers.ts'
import { namedFeature } from '../lab/report/tokens.ts'
import type { Agreement } from './agreement.ts'
import { strongest, type AttributionResults } from './results.ts'

/** Three digits after the point, with its sign. */
export const showEffect = (value: number | null): string => (value === null ? '–' : showSigned(value, 3))

/** `0.93, 97.0 %`: the rank correlation, and how often the sign is the same. */
export function showAgreement(one: Agreement | undefined): string {
  if (!one) return ''
  const sign = one.same_sign === null ? '' : `, ${showShare(one.same_sign)}`
  return `${showCorrelation(one.spearman)}${sign}`
}

function inWords(one: Agreement): string {
  const sign = one.same_sign === null ? '' : `, the same sign in ${showShare(one.same_sign)}`
  return `Spearman ${showCorrelation(one.spearman)}${sign}, ${one.places} places`
}

/** `feature 12 “·n” of blocks.3.hook_resid_pre` */
function featureName({ hook, feature, token }: AttributionResults['features'][number]): string {
  return `feature ${namedFeature(feature, token)} of ${hook}`
}

/** The answer in one sentence. */
export function answerIn(results: AttributionResults): string {
  const [part] = strongest(results.parts, 1, ({ share }) => share)
  const [feature] = strongest(
    results.features.filter(({ ablation }) => ablation !== null),
    1,
    ({ ablation }) => ablation!,
  )
  const { explained, logit } = results
  return (
    [
      `${explained[0].toUpperCase()}${explained.slice(1)} is ${showSigned(logit, 2)}`,
      `${part.hook} says most of it directly (${showEffect(part.share)})`,
      ...(feature
        ? [`taking out ${featureName(feature)} changes it most (${showEffect(-feature.ablation!)})`]
        : []),
    ].join('; ') + '.'
  )
}

/** How far cheap estimates can be believed here, a sentence each. */
export function findings({ agreement, sum, logit, integrated }: AttributionResults): string[] {
  const of = (estimate: string) => agreement.find((one) => one.of === 'all' && one.estimate === estimate)
  const sentence = (name: string, one: Agreement | undefined) =>
    one ? [`${name} against ablation, all features: ${inWords(one)}.`] : []
  const [worst] = strongest(integrated, 1, (end) => end.sum - end.without_features)
  return [
    `The parts add up to ${sum.toFixed(5)}, the model’s own number is ${logit.toFixed(5)}: float32 rounding.`,
    ...sentence('Gradient times activation', of('gradient')),
    ...sentence('Integrated gradients', of('integrated')),
    ...(worst
      ? [
          `Integrated gradients of all features add up to what the logit loses without them, best with many --steps; farthest off are those of ${worst.hook}: ${showEffect(worst.sum)} and ${showEffect(worst.without_features)}.`,
        ]
      : []),
    ...agreement
      .filter(({ truth }) => truth === 'patching')
      .map((one) => `Attribution patching against patching, ${one.of}: ${inWords(one)}.`),
  ]
}
