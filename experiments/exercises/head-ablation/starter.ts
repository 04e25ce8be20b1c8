/**
 * What attention adds to the stream with one head switched off: z W_O + b_O, the numbers of head `head` in z set to zero.
 * z has one row per token: the `heads` heads side by side, dHead numbers each. Returns one row per token.
 */
export function withoutHead(
  z: number[][],
  W_O: number[][],
  b_O: number[],
  heads: number,
  head: number,
): number[][] {
  return z.map((row) => row.map((value) => value + W_O.length + b_O.length + heads + head))
}
