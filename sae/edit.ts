// Edits of one feature: taken out of the stream, or its direction added.
import type { Backend, DeviceTensor } from '../engine/backend.ts'
import { Tensor } from '../engine/tensor.ts'
import { encode } from './encoder.ts'
import type { Sae } from './weights.ts'

/** What is done to a stream at its hook: its rows in, the rows that go on out. */
type StreamEdit = (x: DeviceTensor, ops: Backend) => Promise<DeviceTensor>

/**
 * An edit adds a multiple of one feature's direction to the residual stream, token by token. What the SAE fails to
 * reconstruct stays in the stream: only the feature's own contribution changes.
 */
export interface Edit {
  readonly hook: string
  /** W_dec[j], [d_in] */
  readonly direction: Float32Array
  /** The multiple for each token of each text; 0, as at BOS, leaves the token as it is. */
  readonly coefficients: readonly Float32Array[]
}

/** -f_j at each token but BOS: takes the feature out. activations: one list a text, BOS first */
export function removal(activations: readonly Float32Array[]): Float32Array[] {
  return activations.map((text) => text.map((value, token) => (token === 0 ? 0 : -value)))
}

/** The same multiple at each token but BOS: turns the feature up where it fires and where it does not. */
export function steering(lengths: readonly number[], coefficient: number): Float32Array[] {
  return lengths.map((length) => new Float32Array(length).fill(coefficient, 1))
}

/**
 * A hook that adds coefficients[t] * direction to row t, which no gradient goes through: they are given, not computed.
 * coefficients: one a row, direction [d_in]
 */
export function addDirection(coefficients: Float32Array, direction: Float32Array): StreamEdit {
  const change = Tensor.zeros([coefficients.length, direction.length])
  for (const [row, coefficient] of coefficients.entries())
    if (coefficient !== 0) change.row(row).set(direction.map((value) => coefficient * value))
  return async (x, ops) => ops.add(x, ops.upload(change))
}

/** What is done to a feature while text is written: nothing of it is left, or `coefficient` of it is added. */
type LiveChange = { kind: 'off'; onFiring: () => void } | { kind: 'up'; coefficient: number }

/**
 * A hook for writing with a KV cache, where activations are not known ahead: the SAE reads each new row as it comes.
 * The first row it ever sees is BOS, and stays as it is.
 */
export function liveEdit(sae: Sae, feature: number, direction: Float32Array, change: LiveChange): StreamEdit {
  let begun = false
  return async (x, ops) => {
    const first = begun ? 0 : 1 // row
    begun = true
    if (change.kind === 'up') {
      const coefficients = new Float32Array(x.shape[0]).fill(change.coefficient, first)
      return addDirection(coefficients, direction)(x, ops)
    }
    const features = await encode(ops, sae, x) // sparse [rows, d_sae]
    const off = await ops.scaleEntries(features, (row, index) => (index === feature && row >= first ? -1 : 0))
    if (off.values.length > 0) change.onFiring()
    const nothing = ops.upload(Tensor.zeros([sae.config.dIn]))
    return ops.add(x, await ops.sparseDecode(off, sae.W_dec, nothing))
  }
}

/** Euclidean length. */
export function lengthOf(vector: Float32Array): number {
  return Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0))
}
