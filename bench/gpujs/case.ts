// What `bench gpujs` verifies and times on every backend: a piece of work by its name and size.
import type { Backend, DeviceTensor } from '../../engine/backend.ts'
import type { SparseRows } from '../../engine/sparse.ts'
import type { Tensor } from '../../engine/tensor.ts'
import type { Cost } from '../rows.ts'

/** A piece of the work of GPT-2 small or an SAE, on made-up numbers. Runs in Node and in a browser. */
export interface OpCase {
  readonly work: string
  readonly shape: string // such as 64x768x3072
  readonly cost: Cost
  /** Only gpu.js backends have it: one of several ways to cut an op into threads. */
  readonly gpujsOnly?: true
  /** The work that the reference backend does instead, where it differs. */
  readonly twin?: OpCase['prepare']
  /** `prepare` verifies by itself: the reference backend would take too long. */
  readonly verified?: true
  /** Brings weights and inputs to the backend; returns the work itself, which makes its result through `ops`. */
  prepare(ops: Backend): Promise<(ops: Backend) => Promise<Result>>
}

/** On the device, or already in host memory. */
export type Result = DeviceTensor | SparseRows | Tensor

/** @param moved how many float32 numbers it must at least read and write */
export function makeCase(
  work: string,
  shape: readonly (number | string)[],
  flops: number,
  moved: number,
  prepare: OpCase['prepare'],
): OpCase {
  return { work, shape: shape.join('x'), cost: { flops, bytes: 4 * moved }, prepare }
}
