// One kind of number that others recorded from the real model.

/** Numbers that were recorded elsewhere, and those found here. */
export interface Line {
  readonly what: string
  readonly source: string
  readonly expected: readonly number[]
  readonly got: readonly number[]
  readonly tolerance: number
  /** Whether the tolerance is a share of each number. */
  readonly relative?: boolean
  readonly digits: number
}

/** log softmax(logits)[id], in float64 */
export function logProbability(logits: Float32Array, id: number): number {
  const highest = logits.reduce((most, logit) => Math.max(most, logit), -Infinity)
  const total = logits.reduce((sum, logit) => sum + Math.exp(logit - highest), 0)
  return logits[id] - highest - Math.log(total)
}
