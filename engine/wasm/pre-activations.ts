import { f32x4, i32, local, v128 } from 'wasmati'
import { forUpTo, increment, when, whileAtLeast } from './emit.ts'
import { PaddedRows, type EncoderWeights } from './encoder-weights.ts'
import type { Engine } from './engine.ts'
import type { Emitter } from './emitter.ts'
import { call, func } from './function.ts'
import { i32s, KERNELS } from './kernels.ts'
import { addLanes, productRegisters, multiplyAll } from './lane-tile.ts'
import { ENCODER_FEATURES, ENCODER_GROUP, ENCODER_ROWS } from './tile-sizes.ts'

/** Features of a chunk at most, whole tiles and whole groups: 147 KB of 768 inputs stay in the second cache while rows pass. */
const FEATURES_PER_CHUNK = 3 * ENCODER_GROUP
/** Rows that pass at once: 384 KB of 768 numbers. */
const ROWS_AT_ONCE = 128
/** Multiply-adds below which waking other threads costs more than it saves. */
const WORTH_SHARING = 1 << 17

/** out [rows, out] = x [rows, in] W + b, by address, summed as lane-tile.ts says. */
export async function runPreActivations(
  engine: Engine,
  layer: EncoderWeights,
  { x, rows, out }: { readonly x: number; readonly rows: number; readonly out: number },
): Promise<void> {
  const { padded, out: outputs } = layer
  if (rows === 0 || outputs === 0) return
  using input = new PaddedRows(engine, layer, x, rows)
  const args = { outputs, padded, weights: layer.weights.address, bias: layer.bias.address }
  const chunks = rows * padded * outputs < WORTH_SHARING ? 1 : Math.ceil(outputs / FEATURES_PER_CHUNK)
  const perChunk =
    chunks === 1
      ? outputs
      : Math.ceil(outputs / FEATURES_PER_CHUNK / Math.min(chunks, 1024)) * FEATURES_PER_CHUNK
  for (let r = 0; r < rows; r += ROWS_AT_ONCE) {
    const part = {
      x: input.address + r * padded * 4,
      rows: Math.min(ROWS_AT_ONCE, rows - r),
      out: out + r * outputs * 4,
    }
    await engine.run(
      'preActivations',
      { ...args, ...part, last: outputs, perChunk },
      Math.ceil(outputs / perChunk),
    )
  }
}

/** out[r][f] = the sum of the lanes sums[r][f] + bias[f], for the first `valid` features of a tile; `stride`: bytes of a row of out */
function finishTile(rows: number) {
  return func(
    { in: i32s('sums bias out stride valid'), locals: { v128: 6 } },
    ({ sums, bias, out, stride, valid }, { v128: [biases, ...registers] }) => {
      const [total] = registers
      local.set(biases, v128.load({}, bias))
      for (let r = 0; r < rows; r++) {
        local.set(total, addLanes(sums, r * ENCODER_FEATURES, registers))
        local.set(total, f32x4.add(biases, total))
        when(
          i32.ge_u(valid, ENCODER_FEATURES),
          () => v128.store({}, out, total),
          () => {
            for (let f = 0; f < ENCODER_FEATURES - 1; f++)
              when(i32.gt_u(valid, f), () => v128.store32_lane({ offset: f * 4 }, f, out, total))
          },
        )
        increment(out, stride)
      }
    },
  )
}

const TILE = i32s('x padded weights sums bias out stride valid')

/** out [rows][ENCODER_FEATURES] = x [rows][padded] times some features, plus bias. */
function tile(emitter: Emitter, rows: number) {
  const finish = finishTile(rows)
  return func(
    {
      in: TILE,
      locals: { i32: 2 + rows + ENCODER_FEATURES, v128: productRegisters(rows, ENCODER_FEATURES) },
    },
    ({ x, padded, weights, sums, ...others }, { i32: [end, blockEnd, ...pointers], v128: registers }) => {
      const [xs, ws] = [pointers.slice(0, rows), pointers.slice(rows)]
      xs.forEach((at, r) => local.set(at, i32.add(x, i32.mul(padded, r * 4))))
      ws.forEach((at, f) => local.set(at, i32.add(weights, i32.mul(padded, f * 4))))
      multiplyAll(emitter, { xs, ws, padded, sums, ends: [end, blockEnd], registers })
      call(finish, { sums, ...others })
    },
  )
}

/**
 * out [rows, outputs] = x [rows, padded] W + bias, for a range of features; `sums` is scratch.
 * Features of a tile stay in the first cache while all rows pass.
 */
export function preActivations(emitter: Emitter) {
  const tiles = [ENCODER_ROWS, 1].map((count) => ({ count, tile: tile(emitter, count) }))
  return func(
    { in: KERNELS.preActivations, locals: { i32: 5 } },
    (
      { x, rows, padded, weights, bias, out, outputs, first: f, last, sums },
      { i32: [r, at, to, stride, valid] },
    ) => {
      local.set(stride, i32.mul(outputs, 4))
      for (const pointer of [out, bias]) increment(pointer, i32.mul(f, 4))
      increment(weights, i32.mul(i32.mul(f, padded), 4))
      forUpTo(f, last, ENCODER_FEATURES, () => {
        local.set(valid, i32.sub(last, f))
        local.set(at, x)
        local.set(to, out)
        local.set(r, rows)
        for (const { count, tile } of tiles)
          whileAtLeast(r, count, () => {
            call(tile, { x: at, padded, weights, sums, bias, out: to, stride, valid })
            increment(at, i32.mul(padded, count * 4))
            increment(to, i32.mul(stride, count))
            increment(r, -count)
          })
        for (const pointer of [out, bias]) increment(pointer, ENCODER_FEATURES * 4)
        increment(weights, i32.mul(padded, ENCODER_FEATURES * 4))
      })
    },
  )
}
