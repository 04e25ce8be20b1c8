// A feature's activations in intervals, made of whole bins, so the k smallest hashes of an interval are among those of its bins.
import { BINS, binEdge } from '../tally/bins.ts'
import { PER_BIN, smallestHash, type Example, type Tally } from '../tally/tally.ts'

/** Firings from weak to strong, cut into as nearly equal parts as bins allow. */
export interface Interval {
  readonly from: number
  readonly to: number
  readonly firings: number
  /** Drawn by hash: every firing of the interval was equally likely. */
  readonly examples: readonly Example[]
}

const INTERVALS = 5

/** At most `INTERVALS`, the strongest first; none is empty. */
export function intervalsOf({ histogram, binned, firings, max }: Tally): Interval[] {
  const intervals: Interval[] = []
  let [first, inside, before] = [0, 0, 0]
  for (let bin = 0; bin < BINS; bin++) {
    inside += histogram[bin]
    const isCut = before + inside >= ((intervals.length + 1) * firings) / INTERVALS || bin === BINS - 1
    if (inside === 0 || !isCut) continue
    const examples = binned
      .slice(first, bin + 1)
      .flat()
      .sort(smallestHash)
      .slice(0, PER_BIN)
    const to = before + inside === firings ? max : binEdge(bin + 1)
    intervals.push({ from: first === 0 ? 0 : binEdge(first), to, firings: inside, examples })
    before += inside
    ;[first, inside] = [bin + 1, 0]
    if (before === firings) break
  }
  return intervals.reverse()
}
