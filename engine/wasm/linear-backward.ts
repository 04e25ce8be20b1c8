import { f32x4, i32, local, v128 } from 'wasmati'
import { forLanes, increment, splat } from './emit.ts'
import type { EncoderWeights } from './encoder-weights.ts'
import type { Engine } from './engine.ts'
import { func } from './function.ts'
import { KERNELS, type Numbers } from './kernels.ts'
import { runLinear } from './linear.ts'
import type { PackedLinear } from './panels.ts'
import { Block } from './tensors.ts'

/** So few panels of a product that copying them is not worth waking another thread. */
const LEAST_PANELS = 1

/** out [rows, in] = dY [rows, out] W^T, by address: W's panels are turned into those of W^T. */
export async function runLinearBackward(
  engine: Engine,
  layer: PackedLinear,
  { dY, rows, out }: Numbers<'dY' | 'rows' | 'out'>,
): Promise<void> {
  const { in: inputs, out: outputs } = layer
  if (rows === 0 || inputs === 0) return
  using turned = panelsFor(engine, outputs, inputs)
  const panels = { weights: layer.weights.address, inputs, outputs, out: turned.weights.address }
  await engine.runRanged(
    'turnPanels',
    { ...panels, panel: engine.panel },
    panelCount(engine, inputs),
    LEAST_PANELS,
  )
  await runLinear(engine, turned, { x: dY, rows, residual: 0, out, activation: 'none' })
}

/** The same of an encoder, whose features lie side by side: they are packed as the weights of W^T. */
export async function runEncoderBackward(
  engine: Engine,
  { in: inputs, out: outputs, padded, weights }: EncoderWeights,
  { dY, rows, out }: Numbers<'dY' | 'rows' | 'out'>,
): Promise<void> {
  if (rows === 0 || inputs === 0) return
  using turned = panelsFor(engine, outputs, inputs)
  const strides = {
    from: weights.address,
    rowStride: padded * 4,
    columnStride: 4,
    to: turned.weights.address,
  }
  const sizes = { inner: outputs, rows: outputs, outputs: inputs, panel: engine.panel }
  await engine.runRanged('packPanels', { ...strides, ...sizes }, panelCount(engine, inputs), LEAST_PANELS)
  await runLinear(engine, turned, { x: dY, rows, residual: 0, out, activation: 'none' })
}

/** dW [in, out] += x^T dY and db [out] += the sum of dY's rows, by address; db 0: not wanted. x [rows, in], dY [rows, out] */
export async function runLinearWeightsBackward(
  engine: Engine,
  { rows, inputs, outputs, x, dY, dW, db }: Numbers<'rows' | 'inputs' | 'outputs' | 'x' | 'dY' | 'dW' | 'db'>,
): Promise<void> {
  if (rows === 0 || outputs === 0) return
  using packed = await packRows(engine, { rows, outputs, dY })
  using turned = new Block(engine.arena, rows * inputs * 4, 'linear: its input turned')
  const blocks = Math.ceil(inputs / 16)
  await engine.runRanged(
    'transpose',
    { x, rows, width: inputs, out: turned.address, stride: rows * 4 },
    blocks,
    1,
  )
  const product = { x: turned.address, rows: inputs, residual: dW, out: dW }
  await runLinear(engine, packed, { ...product, activation: 'none' })
  if (db) await addRows(engine, packed, db, db)
}

/** out [outputs] = the sum of dY's rows [rows, outputs], by address: a row of ones times dY. */
export async function runSumRows(
  engine: Engine,
  { rows, outputs, dY, out }: Numbers<'rows' | 'outputs' | 'dY' | 'out'>,
): Promise<void> {
  if (outputs === 0) return
  using packed = await packRows(engine, { rows, outputs, dY })
  await addRows(engine, packed, 0, out)
}

async function addRows(engine: Engine, packed: PackedLinear, residual: number, out: number): Promise<void> {
  using ones = new Block(engine.arena, packed.in * 4, 'a row of ones')
  engine.arena.floats(ones.address, packed.in).fill(1)
  await runLinear(engine, packed, { x: ones.address, rows: 1, residual, out, activation: 'none' })
}

/** dY [rows, outputs] as the weights of a product that sums over its rows. */
async function packRows(engine: Engine, { rows, outputs, dY }: Numbers<'rows' | 'outputs' | 'dY'>) {
  const packed = panelsFor(engine, rows, outputs)
  const strides = { from: dY, rowStride: outputs * 4, columnStride: 4, to: packed.weights.address }
  const sizes = { inner: rows, rows, outputs, panel: engine.panel }
  await engine.runRanged('packPanels', { ...strides, ...sizes }, panelCount(engine, outputs), LEAST_PANELS)
  return packed
}

/** Room for the panels of a matrix [inputs, outputs], and zeros for its bias. Columns beyond the last are never stored. */
function panelsFor(engine: Engine, inputs: number, outputs: number): PackedLinear & Disposable {
  const { arena, panel } = engine
  const padded = panelCount(engine, outputs) * panel
  const weights = new Block(arena, inputs * padded * 4, 'a product on the way back: panels')
  const bias = new Block(arena, padded * 4, 'a product on the way back: zeros')
  arena.floats(bias.address, padded).fill(0)
  return {
    in: inputs,
    out: outputs,
    hasBias: false,
    weights,
    bias,
    [Symbol.dispose]() {
      for (const block of [weights, bias]) block.free()
    },
  }
}

function panelCount({ panel }: Engine, columns: number): number {
  return Math.ceil(columns / panel)
}

/** out[i] = dY[i], or 0 where y[i] is at most 0, for a range of numbers. */
export function reluBackward() {
  return func(
    { in: KERNELS.reluBackward, locals: { i32: 2, v128: 2 } },
    ({ dY, y, out, first, last }, { i32: [c, bytes], v128: [value, mask] }) => {
      for (const at of [dY, y, out]) increment(at, i32.mul(first, 4))
      local.set(bytes, i32.mul(i32.sub(last, first), 4))
      forLanes(c, bytes, ({ load, store }) => {
        local.set(mask, f32x4.le(load(i32.add(y, c)), splat(0)))
        local.set(value, load(i32.add(dY, c)))
        local.set(value, v128.andnot(value, mask))
        store(i32.add(out, c), value)
      })
    },
  )
}
