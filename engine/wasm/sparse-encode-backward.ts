import type { AdamStep } from '../backward.ts'
import { Tensor } from '../tensor.ts'
import type { SparseRows } from '../sparse.ts'
import { runAdamW } from './adam.ts'
import type { EncoderWeights } from './encoder-weights.ts'
import type { Engine } from './engine.ts'
import type { Numbers } from './kernels.ts'
import { runSparseDecode } from './sparse-decode.ts'
import { Block } from './tensors.ts'

/** out[row] = the sum of dF W[:, index] over the row's entries, by address: features lie side by side, as a table's rows do. */
export async function encodeBackward(
  engine: Engine,
  dF: SparseRows,
  layer: EncoderWeights,
  out: number,
): Promise<void> {
  const { arena } = engine
  const { in: inputs, padded } = layer
  const [rows] = dF.shape
  using nothing = new Block(arena, padded * 4, 'sparseEncode: a row of zeros')
  arena.floats(nothing.address, padded).fill(0)
  using wide = new Block(arena, rows * padded * 4, 'sparseEncode: padded gradients')
  const place = { table: layer.weights.address, width: padded, bias: nothing.address, out: wide.address }
  await runSparseDecode(engine, dF, place)
  const [from, to] = [arena.floats(wide.address, rows * padded), arena.floats(out, rows * inputs)]
  for (let r = 0; r < rows; r++) to.set(from.subarray(r * padded, r * padded + inputs), r * inputs)
}

/** Moves an encoder's weights by AdamW, feature by feature; its gradient and moments are [in, out], by address. */
export async function moveEncoder(
  engine: Engine,
  layer: EncoderWeights,
  { g, m, v }: Numbers<'g' | 'm' | 'v'>,
  step: AdamStep,
): Promise<void> {
  const { in: inputs, out: outputs, padded } = layer
  const bytes = inputs * outputs * 4
  using turned = new Block(engine.arena, 3 * bytes, 'adamW: gradient and moments feature by feature')
  const places = [g, m, v].map((from, i) => ({ from, to: turned.address + i * bytes }))
  for (const { from, to } of places) await turn(engine, from, inputs, outputs, to)
  const [at, mean, square] = places.map(({ to }) => to)
  const features = { w: layer.weights.address, g: at, m: mean, v: square, inputs, outputs, padded }
  await runAdamW(engine, features, step)
  for (const { from, to } of places.slice(1)) await turn(engine, to, outputs, inputs, from)
}

/** out [width, rows] = x [rows, width] turned, by address */
async function turn(engine: Engine, x: number, rows: number, width: number, out: number): Promise<void> {
  await engine.runRanged('transpose', { x, rows, width, out, stride: rows * 4 }, Math.ceil(width / 16), 1)
}

/** An encoder's weights as they were given, [in, out], and its bias [out]. */
export function readEncoder({ arena }: Engine, layer: EncoderWeights): { weight: Tensor; bias: Tensor } {
  const { in: inputs, out: outputs, padded } = layer
  const features = arena.floats(layer.weights.address, outputs * padded)
  const weight = Tensor.zeros([inputs, outputs])
  for (let k = 0; k < inputs; k++)
    for (let n = 0; n < outputs; n++) weight.data[k * outputs + n] = features[n * padded + k]
  return { weight, bias: new Tensor([outputs], arena.floats(layer.bias.address, outputs).slice()) }
}
