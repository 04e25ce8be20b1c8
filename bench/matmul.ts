// The matrix product that kernels, libraries and backends are raced on, with the right answer.
import type { Backend } from '../engine/backend.ts'
import { createReferenceBackend } from '../engine/reference/backend.ts'
import { toDense, type SparseRows } from '../engine/sparse.ts'
import { Tensor } from '../engine/tensor.ts'
import { sourceOf } from '../engine/weights/weights.ts'
import { numbers } from './numbers.ts'
import type { CommonOptions } from './benchmark.ts'
import { measureRoofline } from './roofline.ts'
import type { Cost, NotRun, Row } from './rows.ts'
import { timeSideBySide, type Runner, type Starts } from './side-by-side.ts'
import { shortRuns } from './timing.ts'
import { checkClose, inScope } from './verify.ts'

/** C [m, n] = A [m, k] x B [k, n]. B is a model's weight: it stays the same. */
export interface Problem {
  readonly m: number
  readonly k: number
  readonly n: number
  readonly a: Float32Array
  readonly b: Float32Array
  /** How many of each row's largest to keep, in falling order; default: all of C. */
  readonly largest?: number
  /** Covers at least the first rows of C. */
  readonly expected: Float32Array
}

type Product = Float32Array | SparseRows

/** A product that is ready to be run repeatedly. */
export interface PreparedMatmul {
  /** From A in host memory to the result in host memory. */
  run(): Product | Promise<Product>
  /** The right result, if it is not C itself. */
  readonly expected?: Float32Array
  release?(): void | Promise<void>
}

export type Size = readonly [m: number, k: number, n: number]

/** The same numbers every time, in -1..1. */
export function makeProblem([m, k, n]: Size): Promise<Problem> {
  return problemOf(numbers([m, k], 1), numbers([k, n], 2), m)
}

/** The product of two matrices, or each row's largest. The reference (float64 sums) computes at most the first `checked` rows. */
export async function problemOf(a: Tensor, b: Tensor, checked: number, largest?: number): Promise<Problem> {
  const [[m, k], [, n]] = [a.shape, b.shape]
  const reference = createReferenceBackend()
  const layer = await reference.prepareLinear(sourceOf('B', b))
  const rows = await reference.download(await reference.linear(a.rows(0, Math.min(checked, m)), layer))
  const ofRow = (_: unknown, r: number) =>
    rows
      .row(r)
      .toSorted((a, b) => b - a)
      .subarray(0, largest)
  const expected = largest
    ? Float32Array.from(Array.from({ length: rows.shape[0] }, ofRow).flatMap((row) => [...row]))
    : rows.data
  return { m, k, n, a: a.data, b: b.data, largest, expected }
}

/** A product of each size by all who start, compared with what the machine can do in the same run. */
export async function timeProducts(
  sizes: readonly Size[],
  starts: Starts<Problem>,
  { threads, quick, quiet }: CommonOptions & { readonly threads: number },
  takesPart: (size: Size, runner: Runner<Problem>) => boolean = () => true,
): Promise<{ rows: Row[]; notRun: NotRun[] }> {
  const roofline = await measureRoofline({ threads, quick })
  const cases = sizes.map((size) => ({
    work: 'matmul',
    shape: size.join('x'),
    cost: costOfMatmul(...size),
    task: () => makeProblem(size),
    takesPart: (runner: Runner<Problem>) => takesPart(size, runner),
  }))
  return timeSideBySide(starts, () => cases, { quick, quiet, roofline })
}

/** Every number of A, B and C moves once. */
export function costOfMatmul(m: number, k: number, n: number): Cost {
  return { flops: 2 * m * k * n, bytes: 4 * (m * k + k * n + m * n) }
}

/** A contestant in this process, one verified product at a time. `about.mode` is left out where `prepare` returns it. */
export function matmulRunner(
  about: Pick<Runner<Problem>, 'backend' | 'threads' | 'work' | 'instructions'> & { readonly mode?: string },
  prepare: (problem: Problem) => Promise<PreparedMatmul & { readonly mode?: string }>,
): Runner<Problem> {
  let ready: Awaited<ReturnType<typeof prepare>> | undefined
  const release = async () => {
    await ready?.release?.()
    ready = undefined
  }
  return {
    ...about,
    get mode() {
      return about.mode ?? ready!.mode!
    },
    async verify(problem) {
      await release()
      ready = await prepare(problem)
      const name = about.work === undefined ? about.backend : `${about.work}, ${about.backend}`
      await verifyMatmul(`${name} (${this.mode})`, problem, ready)
    },
    time: shortRuns(() => ready!.run()),
    close: release,
  }
}

/** Runs it once, which also warms it up. @throws if the result differs from the reference's */
export async function verifyMatmul(name: string, problem: Problem, prepared: PreparedMatmul): Promise<void> {
  const result = await prepared.run()
  const got = 'offsets' in result ? toDense(result).data : result
  const { m, k, n: whole, largest: n = whole } = problem
  const expected = prepared.expected ?? problem.expected
  if (got.length !== m * n)
    throw new Error(`${name}: wrong result: ${got.length} numbers, expected ${m} x ${n}`)
  const rows = expected.length / n
  checkClose(`${name}: ${m}x${k}x${whole}`, [rows, n], got.subarray(0, expected.length), expected)
}

/** The product as a backend's `linear`: A goes to it and C comes back each time. */
export async function prepareOn(ops: Backend, { m, k, n, a, b }: Problem): Promise<PreparedMatmul> {
  const layer = await ops.prepareLinear(sourceOf('B', new Tensor([k, n], b)))
  const x = new Tensor([m, k], a)
  const run = async (ops: Backend) => (await ops.download(await ops.linear(ops.upload(x), layer))).data
  return { run: () => inScope(ops, run), release: () => ops.release(layer) }
}

/**
 * The same product as an SAE's encoder, relu(A x B + bias), keeping what is positive. The bias is the same for every
 * feature: 2.8 standard deviations of C's numbers below zero leave about 60 of 24,576 features active.
 */
export async function prepareEncoderOn(ops: Backend, problem: Problem): Promise<PreparedMatmul> {
  const { m, k, n, a, b } = problem
  const bias = Math.fround(-2.8 * Math.sqrt(k / 9)) // a product of two uniform numbers in -1..1 has variance 1/9
  const biases = new Tensor([n], new Float32Array(n).fill(bias))
  const encoder = await ops.prepareEncoder(sourceOf('B', new Tensor([k, n], b)), sourceOf('bias', biases))
  const x = new Tensor([m, k], a)
  return {
    run: () => inScope(ops, (ops) => ops.sparseEncode(ops.upload(x), encoder)),
    expected: problem.expected.map((value) => Math.max(0, value + bias)),
    release: () => ops.release(encoder),
  }
}
