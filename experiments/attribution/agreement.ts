// How well cheap estimates say what measuring says.
import { spearman } from '../lab/analysis/statistics.ts'

/** A true effect below this share of the largest is as good as none: its sign is not asked for. */
const NEGLIGIBLE = 0.01

/** An estimate held to what it estimates. */
export interface Agreement {
  /** Where: a hook, or `all`. */
  readonly of: string
  readonly estimate: string
  readonly truth: string
  readonly places: number
  /** Rank correlation; null where one of the two does not vary. */
  readonly spearman: number | null
  /** The share of places with the same sign, among those whose true effect is at least a hundredth of the largest; null for a number without a sign. */
  readonly same_sign: number | null
}

export function agreement(
  names: Pick<Agreement, 'of' | 'estimate' | 'truth'>,
  estimates: readonly number[],
  truths: readonly number[],
): Agreement {
  const most = truths.reduce((most, truth) => Math.max(most, Math.abs(truth)), 0)
  const told = [...truths.keys()].filter((i) => truths[i] !== 0 && Math.abs(truths[i]) >= NEGLIGIBLE * most)
  const signed = estimates.some((estimate) => estimate < 0)
  const same = told.filter((i) => Math.sign(estimates[i]) === Math.sign(truths[i])).length
  return {
    ...names,
    places: truths.length,
    spearman: truths.length < 3 ? null : spearman(estimates, truths),
    same_sign: signed && told.length > 0 ? same / told.length : null,
  }
}
