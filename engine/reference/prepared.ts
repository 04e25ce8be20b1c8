// Weights and caches as the reference backend keeps them.
import type { Encoder, Linear, Norm, RowCache, Table } from '../backend.ts'
import type { Tensor } from '../tensor.ts'

/** y = x W + b; weight as stored, [in, out], or [out, in] where `transposed`. */
export interface ReferenceLinear extends Linear {
  readonly weight: Tensor
  readonly bias: Tensor // [out]
  readonly transposed: boolean
}

export interface ReferenceEncoder extends Encoder {
  readonly layer: ReferenceLinear
  readonly threshold?: Tensor // [out], where what is above it is kept
  readonly k?: number // where the k largest are kept
}

export interface ReferenceTable extends Table {
  readonly weight: Tensor // [rows, width]
}

export interface ReferenceNorm extends Norm {
  readonly weight: Tensor // [width]
  readonly bias: Tensor // [width]
}

export interface ReferenceCache extends RowCache {
  readonly rows: Tensor // [capacity, width]
  length: number
}
