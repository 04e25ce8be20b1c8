import { Tensor } from '../tensor.ts'

/**
 * The share of a normal distribution below x, by its series: 1/2 + density(x) (x + x^3/3 + x^5/(3 5) + ...), all of one
 * sign; far below 0, where that would be a difference of equal numbers, by Laplace's continued fraction of the tail.
 */
export function normalBelow(x: number): number {
  const density = Math.exp((-x * x) / 2) / Math.sqrt(2 * Math.PI)
  if (x < -4) {
    let fraction = -x
    for (let k = 60; k >= 1; k--) fraction = -x + k / fraction
    return density / fraction
  }
  if (x > 9) return 1 // the series would grow to infinity times 0
  let [sum, term] = [0, x]
  for (let k = 3; Math.abs(term) > Math.abs(sum) * 2 ** -53; k += 2) {
    sum += term
    term *= (x * x) / k
  }
  return 0.5 + density * (sum + term)
}

/** The exact GELU (Hendrycks and Gimpel 2016): x times the probability that a standard normal number is below x. */
export function geluErfOf(x: number): number {
  return x * normalBelow(x)
}

/** Bends each number as gelu does, by the error function instead of its tanh approximation. */
export function geluErf(x: Tensor): Tensor {
  return new Tensor(x.shape, x.data.map(geluErfOf))
}
