// Weights of a linear layer, packed as its tiles read them.
import type { Linear } from '../backend.ts'
import { checkPrepareLinear } from '../checks.ts'
import { freedOnFailure } from '../scope.ts'
import { Tensor } from '../tensor.ts'
import { forEachRowBlock, readTensor, type WeightSource } from '../weights/weights.ts'
import type { Engine } from './engine.ts'
import { Block, freeBlock } from './tensors.ts'

/** Numbers read from a weight source at once: 512 KiB of them, so that loading needs little beside the weights themselves. */
export const READ_AT_ONCE = 1 << 17

/**
 * W [in, out] as the linear kernel reads it: panels [ceil(out / panel)][in][panel], so that a tile walks one pointer.
 * The last panel's missing columns, and the bias's, are zero.
 */
export interface PackedLinear extends Linear {
  readonly weights: Block
  readonly bias: Block
}

/** Reads weight [in, out], or [out, in] if `transposed`, straight into panels. @throws if the bias is not [out] */
export async function prepareLinear(
  engine: Engine,
  weight: WeightSource,
  bias?: WeightSource,
  { transposed } = { transposed: false },
): Promise<PackedLinear> {
  const { arena, panel } = engine
  const [inputs, outputs] = checkPrepareLinear(weight.shape, bias?.shape, transposed)
  const padded = Math.ceil(outputs / panel) * panel
  return freedOnFailure(freeBlock, async (keep) => {
    const layer = {
      in: inputs,
      out: outputs,
      hasBias: bias !== undefined,
      weights: keep(new Block(arena, inputs * padded * 4, weight.name)),
      bias: keep(new Block(arena, padded * 4, `the bias of ${weight.name}`)),
    }
    const panels = () => arena.floats(layer.weights.address, inputs * padded)
    if (padded > outputs) panels().fill(0, inputs * (padded - panel))
    const pack = transposed ? packColumns : packRows
    await forEachRowBlock(weight, READ_AT_ONCE, (rows, first, count) =>
      pack({ panels: panels(), inputs, outputs, panel }, rows, first, count),
    )
    const biases = bias ? (await readTensor(bias)).data : new Float32Array(outputs)
    arena.floats(layer.bias.address, padded).fill(0).set(biases)
    return layer
  })
}

interface Packing {
  readonly panels: Float32Array
  readonly inputs: number
  readonly outputs: number
  readonly panel: number
}
type Pack = (into: Packing, rows: Float32Array, first: number, count: number) => void

/** Rows of W: row k's numbers, `panel` at a time, go to place k of each panel. */
const packRows: Pack = ({ panels, inputs, outputs, panel }, rows, first, count) => {
  for (let r = 0; r < count; r++)
    for (let n0 = 0; n0 < outputs; n0 += panel) {
      const to = n0 * inputs + (first + r) * panel
      const width = Math.min(panel, outputs - n0)
      for (let j = 0; j < width; j++) panels[to + j] = rows[r * outputs + n0 + j]
    }
}

/** Columns of W, stored as rows: column n's numbers go to lane n % panel of panel floor(n / panel). */
const packColumns: Pack = ({ panels, inputs, panel }, columns, first, count) => {
  for (let c = 0; c < count; c++) {
    const to = columnStart(first + c, inputs, panel)
    for (let k = 0; k < inputs; k++) panels[to + k * panel] = columns[c * inputs + k]
  }
}

/** Where column n begins in panels; its numbers are `panel` apart. */
function columnStart(n: number, inputs: number, panel: number): number {
  const lane = n % panel
  return (n - lane) * inputs + lane
}

/** Column n of a packed W, the weights into output n, [in]: what `embed` reads of a tied unembedding. */
export function readColumn(engine: Engine, layer: PackedLinear, n: number, into: Float32Array): void {
  const { arena, panel } = engine
  const padded = Math.ceil(layer.out / panel) * panel
  const panels = arena.floats(layer.weights.address, layer.in * padded)
  const from = columnStart(n, layer.in, panel)
  for (let k = 0; k < layer.in; k++) into[k] = panels[from + k * panel]
}

/** A packed W as it was given, [in, out], and its bias [out]. */
export function readLinear({ arena, panel }: Engine, layer: PackedLinear): { weight: Tensor; bias?: Tensor } {
  const { in: inputs, out: outputs } = layer
  const panels = arena.floats(layer.weights.address, inputs * Math.ceil(outputs / panel) * panel)
  const weight = Tensor.zeros([inputs, outputs])
  for (let k = 0; k < inputs; k++)
    for (let n = 0; n < outputs; n++)
      weight.data[k * outputs + n] = panels[columnStart(n, inputs, panel) + k * panel]
  if (!layer.hasBias) return { weight }
  return { weight, bias: new Tensor([outputs], arena.floats(layer.bias.address, outputs).slice()) }
}
