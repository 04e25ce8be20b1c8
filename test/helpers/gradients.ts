// Ops as functions of all their numbers, so that gradients can be held to finite differences and to each other.
import type { Backend, DeviceTensor, Encoder, Linear, Norm, Table } from '../../engine/backend.ts'
import type { Source } from '../../engine/gradients.ts'
import { record, type Tape } from '../../engine/tape.ts'
import { sizeOf, Tensor, type Shape } from '../../engine/tensor.ts'
import { sourceOf } from '../../engine/weights/weights.ts'
import type { Weights } from '../../engine/backward.ts'
import type { Selection } from '../../engine/selection.ts'
import type {
  ReferenceEncoder,
  ReferenceLinear,
  ReferenceNorm,
  ReferenceTable,
} from '../../engine/reference/prepared.ts'
import { reference } from './backends.ts'
import { randomNumbers } from './random.ts'

/** A tensor of float64 numbers: the reference's loops take them and round nothing. Typed as what every op takes. */
function doubles(shape: Shape, numbers: ArrayLike<number>): Tensor {
  return new Tensor(shape, Float64Array.from(numbers) as unknown as Float32Array)
}

/** What an op is given. */
export interface Given {
  readonly x: readonly DeviceTensor[]
  readonly linear: Linear
  readonly encoder: Encoder
  readonly table: Table
  readonly norm: Norm
}

/** An op, or several, and the shapes of what it is given. */
export interface GradientCase {
  readonly x?: readonly Shape[]
  readonly linear?: { readonly in: number; readonly out: number; readonly transposed?: boolean }
  /** An encoder that keeps what is positive, above thresholds of 0 to 0.5, or the k largest. */
  readonly encoder?: { readonly in: number; readonly out: number; readonly keep: Encoder['keep'] }
  readonly table?: Shape
  readonly norm?: number
  run(tape: Tape, given: Given): Promise<DeviceTensor>
}

/** The shapes of all numbers that a case depends on, in order: tensors, then weights and biases. */
function shapesOf({ x = [], linear, encoder, table, norm }: GradientCase): Shape[] {
  const shapes = [...x]
  if (linear) {
    const { in: inputs, out, transposed } = linear
    shapes.push(transposed ? [out, inputs] : [inputs, out], [out])
  }
  if (encoder) shapes.push([encoder.in, encoder.out], [encoder.out])
  if (table) shapes.push(table)
  if (norm) shapes.push([norm], [norm])
  return shapes
}

/** Numbers in -1..1 for a case: float64, but each is one that float32 holds. */
function numbersFor(test: GradientCase, seed: number): Tensor[] {
  const next = randomNumbers(seed)
  return shapesOf(test).map((shape) =>
    doubles(
      shape,
      Array.from({ length: sizeOf(shape) }, () => Math.fround(next())),
    ),
  )
}

/** Runs a case on numbers: on a backend in float32, or where there is none on the reference in float64. */
async function start(
  test: GradientCase,
  numbers: readonly Tensor[],
  ops: Backend | undefined,
  tape: Tape,
): Promise<{ output: DeviceTensor; given: Given; release: () => void }> {
  const left = numbers.map((tensor) => (ops ? Tensor.of(tensor.shape, tensor.data) : tensor))
  const x = left.splice(0, test.x?.length ?? 0).map((tensor) => tape.upload(tensor))
  const held: Weights[] = []
  const keep = <W extends Weights>(weights: W): W => {
    held.push(weights)
    return weights
  }
  const given: { -readonly [K in keyof Given]?: Given[K] } = { x }
  if (test.linear) {
    const [weight, bias] = left.splice(0, 2)
    const linear: ReferenceLinear = {
      in: test.linear.in,
      out: test.linear.out,
      hasBias: true,
      weight,
      bias,
      transposed: test.linear.transposed ?? false,
    }
    const layout = { transposed: linear.transposed }
    given.linear = ops
      ? keep(await ops.prepareLinear(sourceOf('weight', weight), sourceOf('bias', bias), layout))
      : linear
  }
  if (test.encoder) {
    const { in: inputs, out, keep: kept } = test.encoder
    const [weight, bias] = left.splice(0, 2)
    const threshold = Tensor.of(
      [out],
      Array.from({ length: out }, (_, i) => (i % 3) / 4),
    )
    const k = Math.ceil(out / 3)
    const selection: Selection =
      kept === 'above'
        ? { keep: kept, threshold: sourceOf('threshold', threshold) }
        : kept === 'largest'
          ? { keep: kept, k }
          : { keep: kept }
    const layer: ReferenceLinear = { in: inputs, out, hasBias: true, weight, bias, transposed: false }
    const own: ReferenceEncoder = {
      in: inputs,
      out,
      keep: kept,
      layer,
      threshold: kept === 'above' ? threshold : undefined,
      k: kept === 'largest' ? k : undefined,
    }
    given.encoder = ops
      ? keep(await ops.prepareEncoder(sourceOf('weight', weight), sourceOf('bias', bias), selection))
      : own
  }
  if (test.table) {
    const [weight] = left.splice(0, 1)
    const table: ReferenceTable = { rows: weight.shape[0], width: weight.shape[1], weight }
    given.table = ops ? keep(await ops.prepareTable(sourceOf('weight', weight))) : table
  }
  if (test.norm) {
    const [weight, bias] = left.splice(0, 2)
    const norm: ReferenceNorm = { weight, bias }
    given.norm = ops ? keep(await ops.prepareNorm(sourceOf('weight', weight), sourceOf('bias', bias))) : norm
  }
  const all = given as Given
  return {
    output: await test.run(tape, all),
    given: all,
    release: () => {
      for (const weights of held) ops?.release(weights)
    },
  }
}

/** A case's output. */
function outputOf(test: GradientCase, numbers: readonly Tensor[], ops?: Backend): Promise<Tensor> {
  return record(ops ?? reference, async (tape) => {
    const { output, release } = await start(test, numbers, ops, tape)
    const result = await tape.download(output)
    release()
    return result
  })
}

/** The gradients of the sum of output * dY by all numbers of a case, in the shapes that these have. */
function gradientsOf(
  test: GradientCase,
  numbers: readonly Tensor[],
  dY: Tensor,
  ops?: Backend,
): Promise<Tensor[]> {
  return record(ops ?? reference, async (tape) => {
    const { output, given, release } = await start(test, numbers, ops, tape)
    const sources: Source[] = [...given.x, ...weightsOf(given)]
    const gradient = ops ? Tensor.of(dY.shape, dY.data) : dY
    const gradients = await tape.backward(output, tape.upload(gradient), sources)
    const found = given.x.map((x) => gradients.at(x))
    for (const weights of weightsOf(given)) {
      const { weight, bias } = gradients.of(weights)
      found.push(weight, ...(bias ? [bias] : []))
    }
    const tensors = await Promise.all(found.map((gradient) => tape.download(gradient)))
    const transposed = test.linear?.transposed ? given.x.length : -1
    release()
    return tensors.map((tensor, i) => (i === transposed ? turned(tensor) : tensor))
  })
}

function weightsOf({ linear, encoder, table, norm }: Partial<Given>): Weights[] {
  return [linear, encoder, table, norm].filter((weights) => weights !== undefined)
}

/** Rows for columns. */
export function turned(x: Tensor): Tensor {
  const [rows, width] = x.shape
  const y = x.like([width, rows])
  for (let r = 0; r < rows; r++) for (let c = 0; c < width; c++) y.data[c * rows + r] = x.data[r * width + c]
  return y
}

const H = 1e-6

/**
 * Holds a case's gradients in float64 to central differences: each number is nudged by 1e-6 both ways.
 * @throws where they differ by more than 1e-6 of the larger of 1 and the gradient's largest number
 */
export async function checkByNudging(test: GradientCase, seed: number): Promise<void> {
  const numbers = numbersFor(test, seed)
  const next = randomNumbers(seed + 1)
  const output = await outputOf(test, numbers)
  const dY = doubles(output.shape, output.data.map(next))
  const gradients = await gradientsOf(test, numbers, dY)
  const weighted = async () => {
    const { data } = await outputOf(test, numbers)
    return data.reduce((sum, value, i) => sum + value * dY.data[i], 0)
  }
  for (const [part, { data }] of numbers.entries()) {
    const limit = 1e-6 * gradients[part].data.reduce((most, value) => Math.max(most, Math.abs(value)), 1)
    for (let i = 0; i < data.length; i++) {
      const before = data[i]
      data[i] = before + H
      const above = await weighted()
      data[i] = before - H
      const below = await weighted()
      data[i] = before
      const slope = (above - below) / (2 * H)
      if (!(Math.abs(slope - gradients[part].data[i]) <= limit))
        throw new Error(
          `input ${part} [${numbers[part].shape.join(', ')}], number ${i}: nudging it gives ${slope}, the gradient is ${gradients[part].data[i]}`,
        )
    }
  }
}

/**
 * Holds a backend's gradients to the reference's in float64.
 * @throws where they differ by more than `limit` of the gradient's largest number
 */
export async function checkAgainstReference(
  ops: Backend,
  test: GradientCase,
  seed: number,
  limit: number,
): Promise<void> {
  const numbers = numbersFor(test, seed)
  const next = randomNumbers(seed + 1)
  const output = await outputOf(test, numbers)
  const dY = doubles(
    output.shape,
    Array.from(output.data, () => Math.fround(next())),
  )
  const expected = await gradientsOf(test, numbers, dY)
  const got = await gradientsOf(test, numbers, dY, ops)
  for (const [part, { data }] of expected.entries())
    checkNear(got[part].data, data, limit, `input ${part} [${numbers[part].shape.join(', ')}]`)
}

/** @throws where numbers differ by more than `limit` times the largest expected one */
export function checkNear(
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  limit: number,
  what: string,
): void {
  if (got.length !== expected.length)
    throw new Error(`${what}: ${got.length} numbers, expected ${expected.length}`)
  const largest = Array.from(expected).reduce((most, value) => Math.max(most, Math.abs(value)), 0)
  for (let i = 0; i < expected.length; i++)
    if (!(Math.abs(got[i] - expected[i]) <= limit * largest))
      throw new Error(`${what}: number ${i} is ${got[i]}, expected ${expected[i]} (largest ${largest})`)
}
