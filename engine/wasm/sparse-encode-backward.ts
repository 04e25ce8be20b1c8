import { Tensor } from '../tensor.ts'
import type { SparseRows } from '../sparse.ts'
import type { EncoderWeights } from './encoder-weights.ts'
import type { Engine } from './engine.ts'
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

/** An encoder's weights as they were given, [in, out], and its bias [out]. */
export function readEncoder({ arena }: Engine, layer: EncoderWeights): { weight: Tensor; bias: Tensor } {
  const { in: inputs, out: outputs, padded } = layer
  const features = arena.floats(layer.weights.address, outputs * padded)
  const weight = Tensor.zeros([inputs, outputs])
  for (let k = 0; k < inputs; k++)
    for (let n = 0; n < outputs; n++) weight.data[k * outputs + n] = features[n * padded + k]
  return { weight, bias: new Tensor([outputs], arena.floats(layer.bias.address, outputs).slice()) }
}
