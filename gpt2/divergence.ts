// How far two predictions of the next token are apart: the Kullback-Leibler divergence of two rows of logits.

/** The next token's distribution that a row of logits stands for. */
export interface Prediction {
  readonly logits: Float32Array
  readonly probabilities: Float32Array
  readonly logTotal: number
  readonly top: number
}

/** logits [dVocab], one token's */
export function predictionOf(logits: Float32Array): Prediction {
  const top = topOf(logits)
  let total = 0 // of the exponentials before they are rounded to float32
  const probabilities = logits.map((logit) => {
    const exponential = Math.exp(logit - logits[top])
    total += exponential
    return exponential
  })
  for (let id = 0; id < probabilities.length; id++) probabilities[id] /= total
  return { logits, probabilities, logTotal: logits[top] + Math.log(total), top }
}

/**
 * KL(clean || edited) in nats: the sum of p (log p - log q), where log p - log q = (a - log Z_a) - (b - log Z_b) of the
 * logits a and b. At least 0, which rounding may miss.
 */
export function divergence(clean: Prediction, edited: Float32Array) {
  const top = topOf(edited)
  let total = 0
  let difference = 0
  for (let id = 0; id < edited.length; id++) {
    total += Math.exp(edited[id] - edited[top])
    difference += clean.probabilities[id] * (clean.logits[id] - edited[id])
  }
  const logTotal = edited[top] + Math.log(total)
  return { logTotal, kl: Math.max(0, difference + logTotal - clean.logTotal), flipped: top !== clean.top }
}

/** The most probable token; a tie goes to the lower id. */
function topOf(logits: Float32Array): number {
  let top = 0
  for (let id = 1; id < logits.length; id++) if (logits[id] > logits[top]) top = id
  return top
}
