// Weights of a linear layer, packed as its tiles read them.
import type { Linear } from '../backend.ts'
import { checkPrepareLinear } from '../checks.ts'
import { freedOnFailure } from '../scope.ts'
import { Tensor } from '../tensor.ts'
import { readTensor, type WeightSource } from '../weights/weights.ts'
import type { Engine } from './engine.ts'
import { packRows } from './loading.ts'
import { Block, freeBlock } from './tensors.ts'

/** So many panels that copying a piece of them is worth waking another thread. */
const LEAST_PANELS = 4

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
    const to = layer.weights.address
    if (padded > outputs) arena.floats(to, inputs * padded).fill(0, inputs * (padded - panel))
    // some numbers of every panel, or all of some panels
    await packRows(engine, weight, transposed ? panel : 1, ({ from, first, count }) => {
      const piece = transposed
        ? {
            to: to + first * inputs * 4,
            rowStride: 4,
            columnStride: inputs * 4,
            rows: inputs,
            outputs: count,
          }
        : { to: to + first * panel * 4, rowStride: outputs * 4, columnStride: 4, rows: count, outputs }
      const panels = Math.ceil(piece.outputs / panel)
      return engine.runRanged('packPanels', { from, ...piece, inner: inputs, panel }, panels, LEAST_PANELS)
    })
    const biases = bias ? (await readTensor(bias)).data : new Float32Array(outputs)
    arena.floats(layer.bias.address, padded).fill(0).set(biases)
    return layer
  })
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
