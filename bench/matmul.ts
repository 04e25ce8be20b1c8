import type { Backend } from '../engine/backend.ts'
import { createReferenceBackend } from '../engine/reference/backend.ts'
import { toDense, type SparseRows } from '../engine/sparse.ts'
import { Tensor } from '../engine/tensor.ts'
import { sourceOf } from '../engine/weights/weights.ts'
import type { Cost } from './rows.ts'
import { checkClose } from './verify.ts'

/** A matrix product C [m, n] = A [m, k] x B [k, n], with the right answer. B is a model's weight: it stays. */
export interface Problem {
  readonly m: number
  readonly k: number
  readonly n: number
  readonly a: Float32Array
  readonly b: Float32Array
  readonly expected: Float32Array
}

type Product = Float32Array | SparseRows

/** A product ready to be run again and again. */
export interface PreparedMatmul {
  /** From A in host memory to the result in host memory. */
  run(): Product | Promise<Product>
  /** The right result, where it is not C itself. */
  readonly expected?: Float32Array
  release?(): void | Promise<void>
}

export type Size = readonly [m: number, k: number, n: number]

/** The same numbers every time, in -1..1, and their product by the reference (float64 sums). */
export async function makeProblem([m, k, n]: Size): Promise<Problem> {
  const random = generator(m * 31 + k * 17 + n)
  const a = Float32Array.from({ length: m * k }, random)
  const b = Float32Array.from({ length: k * n }, random)
  const reference = createReferenceBackend()
  const layer = await reference.prepareLinear(sourceOf('B', new Tensor([k, n], b)))
  const expected = await reference.linear(new Tensor([m, k], a), layer)
  return { m, k, n, a, b, expected: (await reference.download(expected)).data }
}

export function shapeOf({ m, k, n }: Pick<Problem, 'm' | 'k' | 'n'>): string {
  return `${m}x${k}x${n}`
}

export function costOfMatmul({ m, k, n }: Pick<Problem, 'm' | 'k' | 'n'>): Cost {
  return { flops: 2 * m * k * n, bytes: 4 * (m * k + k * n + m * n) }
}

/** Runs it once, which also warms it up. @throws if the result is not what the reference computes */
export async function verifyMatmul(name: string, problem: Problem, prepared: PreparedMatmul): Promise<void> {
  const result = await prepared.run()
  const got = 'offsets' in result ? toDense(result).data : result
  const { m, n, expected } = problem
  checkClose(`${name}: ${shapeOf(problem)}`, [m, n], got, prepared.expected ?? expected)
}

/** The product as a backend's `linear`: A goes to it and C comes back each time. */
export async function prepareOn(ops: Backend, { m, k, n, a, b }: Problem): Promise<PreparedMatmul> {
  const layer = await ops.prepareLinear(sourceOf('B', new Tensor([k, n], b)))
  const x = new Tensor([m, k], a)
  return {
    async run() {
      let c: Tensor | undefined
      await ops.scope(async (ops) => {
        c = await ops.download(await ops.linear(ops.upload(x), layer))
      })
      return c!.data
    },
    release: () => ops.release(layer),
  }
}

/**
 * The same product as an SAE's encoder, relu(A x B + bias), keeping what is positive. The bias is the same for every
 * feature: 2.8 standard deviations of C's numbers below zero leave about 60 of 24,576 features active.
 */
export async function prepareEncoderOn(ops: Backend, problem: Problem): Promise<PreparedMatmul> {
  const { m, k, n, a, b } = problem
  const bias = Math.fround(-2.8 * Math.sqrt(k / 9)) // a product of two uniform numbers in -1..1 has variance 1/9
  const biases = new Tensor([n], new Float32Array(n).fill(bias))
  const layer = await ops.prepareLinear(sourceOf('B', new Tensor([k, n], b)), sourceOf('bias', biases))
  const x = new Tensor([m, k], a)
  return {
    async run() {
      let features: SparseRows | undefined
      await ops.scope(async (ops) => {
        features = await ops.sparseEncode(ops.upload(x), layer)
      })
      return features!
    },
    expected: problem.expected.map((value) => Math.max(0, value + bias)),
    release: () => ops.release(layer),
  }
}

/** Numbers in -1..1 from a linear congruential generator (Numerical Recipes' constants). */
function generator(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    return state / 2 ** 31 - 1
  }
}
