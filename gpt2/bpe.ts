/**
 * Byte-pair encoding of one pre-token: every byte begins as a part of its own, then the two neighbours whose merge
 * has the lowest rank become one (of equal ranks the leftmost), until no neighbours merge.
 *
 * Searching all pairs for each merge takes n^2 steps: hours for a megabyte of one letter. Here the parts form a
 * linked list and the candidate pairs a heap: O(n log n).
 * Source: Sennrich, Haddow and Birch 2016, section 3.2; on bytes: Radford et al. 2019 (GPT-2), section 2.2.
 *
 * @param bytes the pre-token as a byte string: one character, 0 to 255, for each byte
 * @param rankOf of a merge of two neighbours: lower ones were learned first, at most 2^21; undefined if there is none
 * @param longestToken bytes of the longest result of a merge
 * @returns the parts, in order
 */
export function bytePairEncode(
  bytes: string,
  rankOf: (left: string, right: string) => number | undefined,
  longestToken: number,
): string[] {
  const end = bytes.length
  // A part is known by its first byte, and ends where the next part begins.
  const next = Array.from({ length: end }, (_, start) => start + 1)
  const previous = Array.from({ length: end }, (_, start) => start - 1)
  const mergeRank: (number | undefined)[] = []
  const candidates = new Candidates()

  /** Looks up the merge of the part at `start` and its right neighbour. */
  const consider = (start: number): void => {
    const middle = next[start]
    const mergeEnd = middle < end ? next[middle] : Infinity
    const isShort = mergeEnd - start <= longestToken
    const rank = isShort ? rankOf(bytes.slice(start, middle), bytes.slice(middle, mergeEnd)) : undefined
    mergeRank[start] = rank
    if (rank !== undefined) candidates.push(rank, start)
  }

  for (let start = 0; start < end; start++) consider(start)
  for (let best = candidates.pop(); best !== undefined; best = candidates.pop()) {
    const { rank, start } = best
    if (mergeRank[start] !== rank) continue // one of the two parts has changed since
    const merged = next[start]
    next[start] = next[merged]
    if (next[merged] < end) previous[next[merged]] = start
    mergeRank[merged] = undefined
    consider(start)
    if (start > 0) consider(previous[start])
  }

  const parts: string[] = []
  for (let start = 0; start < end; start = next[start]) parts.push(bytes.slice(start, next[start]))
  return parts
}

/** Positions are below 2^32 and ranks below 2^21, so that both fit one exact float64, ordered by rank, then position. */
const POSITIONS = 2 ** 32

/** A binary min-heap of pairs to merge: lowest rank first, of equal ranks the leftmost. */
class Candidates {
  readonly #keys: number[] = []

  push(rank: number, start: number): void {
    const keys = this.#keys
    const key = rank * POSITIONS + start
    let at = keys.length
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (keys[parent] <= key) break
      keys[at] = keys[parent]
      at = parent
    }
    keys[at] = key
  }

  pop(): { rank: number; start: number } | undefined {
    const keys = this.#keys
    const top = keys[0]
    const last = keys.pop()
    if (last === undefined) return undefined
    if (keys.length > 0) this.#siftDown(last)
    return { rank: Math.floor(top / POSITIONS), start: top % POSITIONS }
  }

  /** Puts `key` at the root, whose own key has been taken, and lets it sink to its place. */
  #siftDown(key: number): void {
    const keys = this.#keys
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= keys.length) break
      if (child + 1 < keys.length && keys[child + 1] < keys[child]) child++
      if (key <= keys[child]) break
      keys[at] = keys[child]
      at = child
    }
    keys[at] = key
  }
}
