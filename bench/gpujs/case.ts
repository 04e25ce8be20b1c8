// What `bench gpujs` verifies and times on every backend: a piece of work by its name and size.
import type { Backend, DeviceTensor } from '../../engine/backend.ts'
import type { SparseRows } from '../../engine/sparse.ts'
import type { Cost } from '../rows.ts'

/** One op of GPT-2 small or an SAE, on numbers of its own. Runs in Node and in a browser. */
export interface Case {
  readonly work: string
  readonly shape: string // such as 64x768x3072
  readonly cost: Cost
  /** Only gpu.js backends have it: one of several ways to cut an op into threads. */
  readonly gpujsOnly?: true
  /** The same work for the reference backend, where it is another. */
  readonly twin?: Case['prepare']
  /** Brings weights and inputs to the backend; gives the work itself, which makes its result through `ops`. */
  prepare(ops: Backend): Promise<(ops: Backend) => Promise<DeviceTensor | SparseRows>>
}
