// Which tokens of two texts correspond to each other.

/** A column of two texts laid below each other: a position of each, null where a text has nothing there. */
export interface Column {
  readonly text: number | null
  readonly other: number | null
  readonly same: boolean
}

/** Two tokens that correspond to each other. */
export interface Matched extends Column {
  readonly text: number
  readonly other: number
}

/**
 * Lays two texts below each other: a longest common subsequence, and between its tokens those that differ,
 * paired from the last one backwards, because at the last piece of a word the model has read the whole word. ids: BOS first
 */
export function align(text: readonly number[], other: readonly number[]): Column[] {
  const columns: Column[] = []
  let [a, b] = [0, 0]
  const differing = (toA: number, toB: number): void => {
    const ends = Math.min(toA - a, toB - b)
    for (; a < toA - ends; a++) columns.push({ text: a, other: null, same: false })
    for (; b < toB - ends; b++) columns.push({ text: null, other: b, same: false })
    for (; a < toA; a++, b++) columns.push({ text: a, other: b, same: false })
  }
  for (const [sameA, sameB] of common(text, other)) {
    differing(sameA, sameB)
    columns.push({ text: a++, other: b++, same: true })
  }
  differing(text.length, other.length)
  return columns
}

/** The columns in which both texts have a token. */
export function matched(columns: readonly Column[]): Matched[] {
  return columns.filter((column): column is Matched => column.text !== null && column.other !== null)
}

/** Positions of a longest common subsequence, from a table of the common lengths of all pairs of rests. */
function common(a: readonly number[], b: readonly number[]): [number, number][] {
  const width = b.length + 1
  const lengths = new Uint16Array((a.length + 1) * width)
  for (let i = a.length - 1; i >= 0; i--)
    for (let j = b.length - 1; j >= 0; j--)
      lengths[i * width + j] =
        a[i] === b[j]
          ? lengths[(i + 1) * width + j + 1] + 1
          : Math.max(lengths[(i + 1) * width + j], lengths[i * width + j + 1])
  const pairs: [number, number][] = []
  for (let [i, j] = [0, 0]; i < a.length && j < b.length;)
    if (a[i] === b[j]) pairs.push([i++, j++])
    else if (lengths[(i + 1) * width + j] >= lengths[i * width + j + 1]) i++
    else j++
  return pairs
}
