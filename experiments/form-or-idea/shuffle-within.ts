import type { Random } from '../../engine/random.ts'
import { shuffle } from '../lab/analysis/statistics.ts'

/**
 * Deals labels out anew at each call, among the texts of the same stratum only: whatever the strata do to the features
 * stays as it is, and chance decides the labels alone. labels, strata [texts] -> [texts], one array, overwritten by each deal
 */
export function dealer(labels: Uint32Array, strata: Uint32Array, random: Random): () => Uint32Array {
  const rows = [...Map.groupBy(labels.keys(), (row) => strata[row]).values()]
  const dealt = labels.slice()
  const hands = rows.map((stratum) => Uint32Array.from(stratum, (row) => labels[row]))
  return () => {
    for (const [s, hand] of hands.entries()) {
      shuffle(hand, random)
      rows[s].forEach((row, i) => (dealt[row] = hand[i]))
    }
    return dealt
  }
}
