// What an encoder keeps of its outputs: ReLU, JumpReLU and TopK.
import type { WeightSource } from './weights/weights.ts'

/**
 * Which outputs of a row `sparseEncode` keeps; all others count as 0. Whatever the selection, an output at or below 0 is never
 * kept, and NaN always is, as the largest number: a fault is never dropped.
 */
export type Selection =
  | { readonly keep: 'positive' }
  /** Those above their own threshold [out]. */
  | { readonly keep: 'above'; readonly threshold: WeightSource }
  /** The k largest; a tie goes to the lower index. */
  | { readonly keep: 'largest'; readonly k: number }
