// Edits of one feature: taken out, or its direction added.
import type { Backend, DeviceTensor } from '../engine/backend.ts'
import { Tensor } from '../engine/tensor.ts'
import { fromBasis } from './basis.ts'
import type { SaeConfig } from './config.ts'
import { encode, saeInput } from './encoder.ts'
import { unitsOf } from './normalise.ts'
import type { SaeHooks } from './splice.ts'
import type { Sae } from './weights.ts'

/**
 * An edit adds a multiple of one feature's direction at the hook that its SAE rebuilds, token by token. What the SAE fails to
 * reconstruct is kept: only the feature's own contribution changes.
 */
export interface Edit {
  readonly hook: string
  /** What is added, [width of the hook]: see `directionAt`. */
  readonly direction: Float32Array
  /** The multiple for each token of each text; 0, as at BOS, leaves the token as it is. */
  readonly coefficients: readonly Float32Array[]
}

/**
 * A decoder row as a direction at the hook that its SAE rebuilds: the row itself or, for an SAE of one head, the row in that head's
 * place among all heads. row [d_out] -> [width]
 */
export function directionAt({ headIndex }: SaeConfig, row: Float32Array, width: number): Float32Array {
  const direction = new Float32Array(width)
  direction.set(row, (headIndex ?? 0) * row.length)
  return direction
}

/**
 * What one unit of a feature is worth at the hook: 1, or the token's scale where each token is normalised before the SAE
 * reads it. x [tokens, ...], at the SAE's hook -> a multiple of the decoder row for each token
 */
export async function unitsAt(ops: Backend, sae: Sae, x: DeviceTensor): Promise<Float32Array> {
  const { normalisation, hookName, hookNameOut } = sae.config
  const undone = hookName === hookNameOut ? normalisation : 'none'
  return unitsOf(undone, await ops.download(await saeInput(ops, sae, x)))
}

/** -f_j at each token but BOS: takes the feature out. activations and what a unit is worth: one list per text, BOS first */
export function removal(
  activations: readonly Float32Array[],
  units?: readonly Float32Array[],
): Float32Array[] {
  const worth = (text: number, token: number): number => (units ? units[text][token] : 1)
  return activations.map((values, text) =>
    values.map((value, token) => (token === 0 ? 0 : -value * worth(text, token))),
  )
}

/** The same multiple at each token but BOS: turns the feature up where it fires and where it does not. */
export function steering(lengths: readonly number[], coefficient: number): Float32Array[] {
  return lengths.map((length) => new Float32Array(length).fill(coefficient, 1))
}

/** coefficients[t] * direction in row t. coefficients: one per row, direction [width] -> [rows, width] */
function multiples(coefficients: Float32Array, direction: Float32Array): Tensor {
  const change = Tensor.zeros([coefficients.length, direction.length])
  for (const [row, coefficient] of coefficients.entries())
    if (coefficient !== 0) change.row(row).set(direction.map((value) => coefficient * value))
  return change
}

/**
 * A hook that adds coefficients[t] * direction to row t. No gradient flows through the sum added: it is given, not computed.
 * coefficients: one per row, direction [width]
 */
export function addDirection(coefficients: Float32Array, direction: Float32Array): SaeHooks[string] {
  const change = multiples(coefficients, direction)
  return async (x, ops) => ops.add(x, ops.upload(change.reshape(x.shape)))
}

/** What is done to a feature while text is written: it is removed, multiplied by `factor`, or `coefficient` times its direction is added. */
type LiveChange =
  | { kind: 'off'; onFiring: () => void }
  | { kind: 'scale'; factor: number }
  | { kind: 'up'; coefficient: number }

/**
 * Hooks for writing with a KV cache, where activations are not known ahead: the SAE reads each new row as it comes.
 * The first row it ever sees is BOS, and stays as it is. direction [width of the hook that the SAE rebuilds]
 */
export function liveEdit(sae: Sae, feature: number, direction: Float32Array, change: LiveChange): SaeHooks {
  const { hookName, hookNameOut, dOut } = sae.config
  let begun = false
  /** What is added to the rows at hand, [rows, width]. */
  const changeOf = async (x: DeviceTensor, ops: Backend): Promise<DeviceTensor> => {
    const [rows] = x.shape
    const first = begun ? 0 : 1
    begun = true
    if (change.kind === 'up')
      return ops.upload(multiples(new Float32Array(rows).fill(change.coefficient, first), direction))
    const units = await unitsAt(ops, sae, x)
    const more = change.kind === 'off' ? -1 : change.factor - 1
    const own = await ops.scaleEntries(await encode(ops, sae, x), (row, index) =>
      index === feature && row >= first ? more * units[row] : 0,
    )
    if (change.kind === 'off' && own.values.length > 0) change.onFiring()
    const part = await ops.sparseDecode(own, sae.W_dec, ops.upload(Tensor.zeros([dOut])))
    const nothing = ops.upload(Tensor.zeros([rows, direction.length]))
    return fromBasis(ops, { ...sae.config, centered: false }, hookNameOut, nothing, part)
  }
  if (hookName === hookNameOut)
    return { [hookName]: async (x, ops) => ops.add(x, ops.reshape(await changeOf(x, ops), x.shape)) }
  let added: Tensor // a hook's tensors are gone when the next one is reached
  return {
    [hookName]: async (x, ops) => void (added = await ops.download(await changeOf(x, ops))),
    [hookNameOut]: async (x, ops) => ops.add(x, ops.upload(added.reshape(x.shape))),
  }
}

/** Euclidean length. */
export function lengthOf(vector: Float32Array): number {
  return Math.sqrt(vector.reduce((sum, value) => sum + value * value, 0))
}
