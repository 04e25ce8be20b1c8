// A text with more tokens than the model has positions goes through it in windows.

/** A run of a text's tokens that the model reads at once. */
export interface Window {
  /** BOS first, whichever window it is; at most as many as the model has positions. */
  readonly ids: readonly number[]
  readonly length: number
  /** Where the window's first token behind BOS stands in the text: 1 in the first window. */
  readonly from: number
  readonly last: boolean
}

/**
 * A text's windows: one, the text as it is, where that fits; else as few as will do, none overlapping, each with a BOS of
 * its own, as model and SAEs were trained on texts that begin with one. ids: BOS first; nCtx: the model's positions
 */
export function windowsOf(ids: readonly number[], nCtx: number): Window[] {
  if (ids.length <= nCtx) return [{ ids, length: ids.length, from: 1, last: true }]
  const [bos, ...tokens] = ids
  const size = nCtx - 1
  return Array.from({ length: Math.ceil(tokens.length / size) }, (_, i) => {
    const window = [bos, ...tokens.slice(i * size, (i + 1) * size)]
    return { ids: window, length: window.length, from: 1 + i * size, last: (i + 1) * size >= tokens.length }
  })
}
