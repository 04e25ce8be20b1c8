// The standard error of a statistic of matched texts.
import { mean, sum } from '../lab/analysis/statistics.ts'
import type { Design } from './design.ts'

/**
 * The standard error of a statistic for the choice of ideas, topics and forms being what they are: how much the statistic
 * moves when one matched idea is left out, in all its forms (the stratified jackknife: Efron and Stein 1981).
 * @param statistic of the texts by weight [texts]: 1 where a text counts, 0 where it is left out
 */
export function jackknifeError(design: Design, statistic: (weights: Float64Array) => number): number {
  const { topics, forms, ideas, texts } = design
  let variance = 0
  for (const topic of topics.keys()) {
    const without = Array.from({ length: ideas }, (_, idea) => {
      const weights = new Float64Array(texts.length).fill(1)
      for (const form of forms.keys()) weights[(topic * forms.length + form) * ideas + idea] = 0
      return statistic(weights)
    })
    const centre = mean(without)
    variance += ((ideas - 1) / ideas) * sum(without.map((value) => (value - centre) ** 2))
  }
  return Math.sqrt(variance)
}
