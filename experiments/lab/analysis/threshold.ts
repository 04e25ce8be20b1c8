// The activation above which a feature counts as firing: as requested, and as a number.
import type { SparseRows } from '../../../engine/sparse.ts'
import { UserError } from '../cli/user-error.ts'
import { quantile } from './statistics.ts'

/** A threshold as requested: an activation, or the quantile `q` (0 to 1) of the positive activations. */
export type ThresholdSpec = { kind: 'value'; value: number } | { kind: 'quantile'; q: number }

/** The post's threshold, for the token-mean activations of gpt2-small-res-jb. */
export const POST_THRESHOLD: ThresholdSpec = { kind: 'value', value: 5 }

/** The default: the post's; but the bundled model's activations have another scale, so for it a share of them. */
export function defaultThreshold(model: string): ThresholdSpec {
  return model === 'tiny' ? { kind: 'quantile', q: 0.98 } : POST_THRESHOLD
}

/**
 * Reads `5`, `0.25`, or a quantile in percent: `q99`, `q99.5`.
 * @throws on anything else, negative numbers and quantiles above q100 included
 */
export function parseThreshold(spec: string): ThresholdSpec {
  const [, quantile, digits] = /^(q?)(\d+(?:\.\d+)?)$/.exec(spec) ?? []
  const number = Number(digits)
  if (digits === undefined || !Number.isFinite(number) || (quantile && number > 100))
    throw new Error(
      `threshold "${spec}": expected a number such as 5 or 0.25, ` +
        'or a quantile of the positive activations, q0 to q100, such as q99 or q99.5',
    )
  return quantile ? { kind: 'quantile', q: number / 100 } : { kind: 'value', value: number }
}

/**
 * The threshold as an activation. A quantile is that of the activations above 0 of all texts and features,
 * interpolated linearly between the two nearest.
 * @throws if a quantile is asked for and no activation is above 0
 */
export function resolveThreshold(spec: ThresholdSpec, features: SparseRows): number {
  if (spec.kind === 'value') return spec.value
  const rising = risingActivations(features)
  if (rising.length === 0)
    throw new Error(
      `threshold ${showThreshold(spec)}: no activation is above 0, so there is no quantile; give a number`,
    )
  return quantile(rising, spec.q)
}

/** The activations above 0, from the lowest to the highest. */
export function risingActivations(features: SparseRows): Float32Array {
  return features.values.filter((value) => value > 0).sort()
}

/** resolveThreshold for a layer. @throws UserError naming the hook where a quantile is asked for and no feature fires */
export function thresholdAt(hook: string, spec: ThresholdSpec, means: SparseRows): number {
  try {
    return resolveThreshold(spec, means)
  } catch (error) {
    throw new UserError(`${hook}: ${(error as Error).message}`, { cause: error })
  }
}

/** In words, for the table beside every result. */
export function describeThreshold(spec: ThresholdSpec): string {
  return `${showThreshold(spec)}${spec.kind === 'quantile' ? ' of each layer’s positive token means' : ''}`
}

/** The threshold as it is written on the command line. */
export function showThreshold(spec: ThresholdSpec): string {
  return spec.kind === 'value' ? String(spec.value) : `q${Number((spec.q * 100).toFixed(10))}`
}
