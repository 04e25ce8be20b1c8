import type { Activation } from '../backend.ts'
import { f32x4, i32, local } from 'wasmati'
import { forLanes, forUpTo, increment, limitTo, splat, whileBelow, when, type I32 } from './emit.ts'
import { call, func } from './function.ts'
import type { Emitter } from './emitter.ts'
import { i32s, KERNELS } from './kernels.ts'
import { emitGelu, emitGeluErf } from './math.ts'
import type { Engine } from './engine.ts'
import type { PackedLinear } from './panels.ts'
import { setTilePanels, type AnyTile } from './tile.ts'
import { TILE_ROWS } from './tile-sizes.ts'
import { cutProduct } from './threads/product-shares.ts'

/** With this few rows each panel is read in one tile, and reading it twice would gain nothing. */
const FEW_ROWS = 2

/** The activations, by the number that the kernel knows them by. */
const ACTIVATION = { none: 0, gelu: 1, relu: 2, geluErf: 3 } as const

/** out [rows, out] = activation(x [rows, in] W + b) + residual, all given by address; `residual` 0 means none. */
export async function runLinear(
  engine: Engine,
  layer: PackedLinear,
  place: { x: number; rows: number; residual: number; out: number; activation: Activation },
): Promise<void> {
  const product = { rows: place.rows, inputs: layer.in, outputs: layer.out, panel: engine.panel }
  if (product.rows === 0 || product.outputs === 0) return
  const cut = cutProduct(product, engine.threads)
  const [weights, bias] = [layer.weights.address, layer.bias.address]
  const activation = ACTIVATION[place.activation]
  await engine.run('linear', { ...place, ...product, ...cut, weights, bias, activation }, cut.chunks)
}

/**
 * out [rows, outputs] = activation(x [rows, inputs] W + bias) + residual [rows, outputs], for a range of W's panels.
 * W lies in panels [ceil(outputs / panel)][inputs][panel], bias is padded to whole panels, residual may be 0: none;
 * `sums` is scratch.
 * A panel stays in the first cache while all rows of x pass: call it with as many rows as the second cache holds.
 */
export function linear(emitter: Emitter, anyTile: AnyTile) {
  const { panel } = emitter
  const [finish, ahead] = [finishTile(emitter), readAhead()]
  return func(
    { in: KERNELS.linear, locals: { i32: 7 } },
    (
      { x, rows, inputs, weights, bias, residual, out, outputs, activation, firstPanel: p, lastPanel, sums },
      { i32: [panels, r, tileRows, start, width, valid, tileWeights] },
    ) => {
      // for each panel; several at a time where rows are few
      whileBelow(p, lastPanel, () => {
        setTilePanels(panels, rows, p, lastPanel)
        // columns of the tile, and how many of them are not padding
        local.set(width, i32.mul(panels, panel))
        local.set(valid, i32.sub(outputs, i32.mul(p, panel)))
        limitTo(valid, width)
        local.set(tileWeights, i32.add(weights, i32.mul(i32.mul(p, inputs), panel * 4)))
        when(i32.gt_u(rows, FEW_ROWS), () =>
          call(ahead, { at: tileWeights, bytes: i32.mul(inputs, panel * 4), sums }),
        )
        // for each tile of rows
        local.set(r, i32.const(0))
        whileBelow(r, rows, () => {
          setTileRows(tileRows, i32.sub(rows, r))
          call(anyTile, {
            rows: tileRows,
            panels,
            x: i32.add(x, i32.mul(i32.mul(r, inputs), 4)),
            xStride: i32.mul(inputs, 4),
            weights: tileWeights,
            panelStride: i32.mul(inputs, panel * 4),
            step: panel * 4,
            K: inputs,
            sums,
          })
          local.set(start, i32.mul(i32.add(i32.mul(r, outputs), i32.mul(p, panel)), 4))
          call(finish, {
            rows: tileRows,
            width,
            valid,
            sums,
            bias: i32.add(bias, i32.mul(p, panel * 4)),
            residual: i32.mul(i32.add(residual, start), i32.ne(residual, 0)),
            out: i32.add(out, start),
            stride: i32.mul(outputs, 4),
            activation,
          })
          increment(r, tileRows)
        })
        increment(p, panels)
      })
    },
  )
}

/**
 * Reads a number of each line of `bytes` from `at` on, and leaves what it saw at `sums`, because code that does nothing is
 * left out. A tile reads a panel so slowly, a line for every few multiplications, that the processor looks only a few
 * lines ahead; read at once, a panel comes from memory three times as fast, and is in the second cache when tiles need it.
 */
function readAhead() {
  const [line, atOnce] = [64, 8]
  return func(
    { in: i32s('at bytes sums'), locals: { i32: 2 } },
    ({ at, bytes, sums }, { i32: [end, seen] }) => {
      local.set(end, i32.add(at, i32.and(bytes, -line * atOnce)))
      forUpTo(at, end, line * atOnce, () => {
        for (let i = 0; i < atOnce; i++) local.set(seen, i32.or(i32.load({ offset: i * line }, at), seen))
      })
      i32.store({}, sums, seen)
    },
  )
}

/** tileRows = left / ceil(left / TILE_ROWS), rounded up: 13 rows are tiles of 5, 4 and 4, not 6, 6 and 1. */
function setTileRows(tileRows: I32, left: ReturnType<typeof i32.sub>): void {
  local.set(tileRows, left)
  const tiles = () => i32.div_u(i32.add(tileRows, TILE_ROWS - 1), TILE_ROWS)
  local.set(tileRows, i32.div_u(i32.sub(i32.add(tileRows, tiles()), 1), tiles()))
}

/** out[r][c] = activation(sums[r][c] + bias[c]) + residual[r][c] for the `valid` columns of a tile that is `width` wide. */
function finishTile({ madd }: Emitter) {
  return func(
    {
      in: i32s('rows width valid sums bias residual out stride activation'),
      locals: { i32: 3, v128: 6 },
    },
    (
      { rows, width, valid, sums, bias, residual, out, stride, activation },
      { i32: [row, c, end], v128: [value, exponent, n, r, sum, t] },
    ) => {
      local.set(end, i32.mul(valid, 4))
      // for each row, for each four columns, then each of the last ones
      forUpTo(row, rows, 1, () => {
        forLanes(c, end, ({ load, store }) => {
          local.set(value, f32x4.add(load(i32.add(sums, c)), load(i32.add(bias, c))))
          when(i32.eq(activation, ACTIVATION.gelu), () => emitGelu(value, exponent, { n, r, sum }, madd))
          when(i32.eq(activation, ACTIVATION.geluErf), () =>
            emitGeluErf(value, exponent, t, { n, r, sum }, madd),
          )
          when(i32.eq(activation, ACTIVATION.relu), () => local.set(value, f32x4.max(value, splat(0))))
          when(residual, () => local.set(value, f32x4.add(value, load(i32.add(residual, c)))))
          store(i32.add(out, c), value)
        })
        increment(sums, i32.mul(width, 4))
        increment(out, stride)
        when(residual, () => increment(residual, stride))
      })
    },
  )
}
