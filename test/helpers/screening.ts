import * as assert from 'uvu/assert'
import type { Selection } from '../../engine/selection.ts'
import type { SparseRows } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import type { Engine } from '../../engine/wasm/engine.ts'
import { loadEncoder, type EncoderWeights } from '../../engine/wasm/encoder-weights.ts'
import { runPreActivations } from '../../engine/wasm/pre-activations.ts'
import { Screen } from '../../engine/wasm/screen/screen.ts'
import { encodeDensely } from '../../engine/wasm/sparse-encode.ts'
import { sourceOf } from '../../engine/weights/weights.ts'

export interface Layer {
  readonly weight: Tensor // [in, out]
  readonly bias: Tensor // [out]
  readonly selection?: Selection
}

/** Runs `work` on a layer and rows that lie in an engine's memory. */
async function withLayer<T>(
  engine: Engine,
  { weight, bias, selection }: Layer,
  x: Tensor,
  work: (layer: EncoderWeights, x: number) => Promise<T>,
): Promise<T> {
  const { arena } = engine
  const before = arena.usedBytes
  const layer = await loadEncoder(engine, sourceOf('weight', weight), sourceOf('bias', bias), selection)
  const at = arena.allocate(x.data.length * 4, 'a test')
  arena.floats(at, x.data.length).set(x.data)
  const result = await work(layer, at)
  arena.release(at)
  for (const block of [layer.weights, layer.bias, layer.floors]) block.free()
  assert.is(arena.usedBytes, before, 'memory is given back')
  return result
}

export interface Encoded {
  readonly dense: SparseRows
  readonly screened: SparseRows
  readonly counts: Screen['counts']
}

/** Rows go dense only if no bound holds for them, unless `options` say otherwise. */
export async function encodeBothWays(
  engine: Engine,
  layer: Layer,
  x: Tensor,
  options: ConstructorParameters<typeof Screen>[1] = { denseShare: 1 },
): Promise<Encoded> {
  return withLayer(engine, layer, x, async (packed, at) => {
    const screen = new Screen(engine, { always: true, ...options })
    const [rows] = x.shape
    const screened = await screen.encode(packed, at, rows)
    screen.release(packed)
    return { dense: await encodeDensely(engine, packed, at, rows), screened, counts: screen.counts }
  })
}

/** x W + b, as the engine's dense kernel has it. */
export async function preActivations(engine: Engine, layer: Layer, x: Tensor): Promise<Tensor> {
  const shape = [x.shape[0], layer.weight.shape[1]]
  return withLayer(engine, layer, x, async (packed, at) => {
    const out = engine.arena.allocate(shape[0] * shape[1] * 4, 'a test')
    await runPreActivations(engine, packed, { x: at, rows: shape[0], out })
    const result = Tensor.of(shape, engine.arena.floats(out, shape[0] * shape[1]))
    engine.arena.release(out)
    return result
  })
}

export function checkSame(got: SparseRows, expected: SparseRows): void {
  assert.equal(got.shape, expected.shape)
  assert.equal(got.offsets, expected.offsets)
  assert.equal(got.indices, expected.indices)
  for (let i = 0; i < expected.values.length; i++)
    if (!Object.is(got.values[i], expected.values[i]))
      throw new Error(`entry ${i} is ${got.values[i]}, expected the same bits as ${expected.values[i]}`)
}

export async function checkExact(
  engine: Engine,
  layer: Layer,
  x: Tensor,
  options?: ConstructorParameters<typeof Screen>[1],
): Promise<Encoded> {
  const encoded = await encodeBothWays(engine, layer, x, options)
  checkSame(encoded.screened, encoded.dense)
  return encoded
}
