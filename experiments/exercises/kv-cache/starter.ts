/** Keys and values of all tokens so far, one row of dModel numbers each. Empty at first; it lives from call to call. */
interface Cache {
  keys: number[][]
  values: number[][]
}

/**
 * One more token: q, k and v are its rows of dModel numbers. Returns what it gets from attention over all tokens up to and
 * including itself. (The exercise `attention` says what that is.)
 */
export function attendNext(cache: Cache, q: number[], k: number[], v: number[], heads: number): number[] {
  return q.map((value, i) => (value * k[i] + v[i]) / heads + cache.keys.length)
}
