// From the features of tokens to those of texts.
import { meanSparseRows, sliceRows, stackRows, type SparseRows } from '../engine/sparse.ts'
import { showShape } from '../engine/tensor.ts'

/**
 * The rows of every token but each text's first, BOS, whose activations are of a different kind and size.
 * features [sum of lengths, d_sae], lengths with BOS -> sparse [sum of lengths - texts, d_sae]
 * @throws if the lengths do not add up to the rows
 */
export function withoutBos(features: SparseRows, lengths: readonly number[]): SparseRows {
  const total = lengths.reduce((sum, length) => sum + length, 0)
  if (total !== features.shape[0])
    throw new Error(
      `withoutBos: texts of ${total} tokens in all, but the features are ${showShape(features.shape)}`,
    )
  let row = 0
  const parts = lengths.map((length) => sliceRows(features, row + 1, (row += length)))
  return stackRows(parts, features.shape[1])
}

/**
 * One row of features per text: the mean over its tokens, BOS left out (the post's published method).
 * features [sum of lengths, d_sae], lengths with BOS -> sparse [texts, d_sae]
 * @throws if the lengths do not add up to the rows
 */
export function meanFeatures(features: SparseRows, lengths: readonly number[]): SparseRows {
  return meanSparseRows(
    withoutBos(features, lengths),
    lengths.map((length) => length - 1),
  )
}
