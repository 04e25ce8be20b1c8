// Samples of a corpus are drawn by hash: they are the same whoever draws, in whatever order.

/** A hash and another word, mixed: MurmurHash3's finaliser. -> 0..2^32 - 1 */
export function mixed(hash: number, word: number): number {
  let h = Math.imul(hash ^ word, 0x9e3779b1)
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

/** A token's hash is `hash(seed, document, position)`. Mixed with a feature's number it is the hash of one of its firings. */
export function tokenHash(seed: number, document: number, position: number): number {
  return mixed(mixed(mixed(0, seed), document), position)
}
