// Reads a run: which features fire, where a head attends, what an edit moved.
import type { Opened, SparseFeatures, TextRun, TopPerToken } from '../protocol.ts'

/** A run that is shown: it stays until the next one has arrived, whatever computes it. */
export interface ShownRun extends TextRun {
  readonly id: number
  /** What read the text. */
  readonly opened: Opened
}

/** An index, and the value there. */
export interface Entry {
  readonly index: number
  readonly value: number
}

const byValue = (a: Entry, b: Entry): number => b.value - a.value

/** One token's entries, which arrive strongest first. */
export function topAt({ perToken, indices, values }: TopPerToken, token: number): Entry[] {
  return Array.from({ length: perToken }, (_, i) => {
    const place = token * perToken + i
    return { index: indices[place], value: values[place] }
  })
}

/** The features that fire on one token, the strongest first. */
export function featuresAt({ offsets, indices, values }: SparseFeatures, token: number): Entry[] {
  const entries: Entry[] = []
  for (let i = offsets[token]; i < offsets[token + 1]; i++)
    entries.push({ index: indices[i], value: values[i] })
  return entries.sort(byValue)
}

/** One feature's activation on each token. */
export function activations({ offsets, indices, values }: SparseFeatures, feature: number): Float32Array {
  const found = new Float32Array(offsets.length - 1)
  for (let token = 0; token < found.length; token++)
    for (let i = offsets[token]; i < offsets[token + 1]; i++)
      if (indices[i] === feature) found[token] = values[i]
  return found
}

/** The strongest activation of any feature on any token but BOS, whose stream is unlike every other's; 0 if there is none. */
export function strongest({ offsets, values }: SparseFeatures): number {
  let most = 0
  for (let i = offsets[1]; i < values.length; i++) most = Math.max(most, values[i])
  return most
}

/** Each feature's mean over all tokens but BOS, the highest `length` of them. */
export function meanFeatures({ offsets, indices, values }: SparseFeatures, length: number): Entry[] {
  const tokens = offsets.length - 2
  const sums = new Map<number, number>()
  for (let i = offsets[1]; i < values.length; i++)
    sums.set(indices[i], (sums.get(indices[i]) ?? 0) + values[i])
  const means = [...sums].map(([index, sum]): Entry => ({ index, value: sum / tokens }))
  return means.sort(byValue).slice(0, length)
}

/** The number of features that fire on a token, averaged over all tokens but BOS. */
export function meanFiring({ offsets, values }: SparseFeatures): number {
  const tokens = offsets.length - 2
  return tokens > 0 ? (values.length - offsets[1]) / tokens : 0
}

/** How much of its attention a head gives from `query` to each token up to it. [query + 1] */
export function attentionRow(run: ShownRun, layer: number, head: number, query: number): Float32Array {
  const size = run.tokens.length
  const start = (head * size + query) * size
  return run.layers[layer].attention.subarray(start, start + query + 1)
}

/** The tokens that a head attends to from `query`, the most attended to first. */
export function topKeys(run: ShownRun, layer: number, head: number, query: number, length: number): Entry[] {
  const row = attentionRow(run, layer, head, query)
  return Array.from(row, (value, index): Entry => ({ index, value }))
    .sort(byValue)
    .slice(0, length)
}

/** A possible next token, and its probability before and after an edit. */
interface Moved {
  readonly index: number
  readonly before: number
  readonly after: number
}

/** What an edit did to the next token after `token`: those that were likeliest before or are now, most moved first. */
export function movedAt({ next, edited }: Pick<TextRun, 'next' | 'edited'>, token: number): Moved[] {
  if (edited === null) return []
  const moved = new Map<number, Moved>()
  topAt(next, token).forEach(({ index, value }, i) => {
    moved.set(index, { index, before: value, after: edited.nextAfter[token * next.perToken + i] })
  })
  topAt(edited.next, token).forEach(({ index, value }, i) => {
    moved.set(index, { index, before: edited.nextBefore[token * edited.next.perToken + i], after: value })
  })
  const size = ({ before, after }: Moved): number => Math.abs(after - before)
  return [...moved.values()].sort((a, b) => size(b) - size(a))
}
