import type { Activation } from '../backend.ts'
import { call, f32, f32x4, func, i32, local, v128 } from 'wasmati'
import { forUpTo, increment, limitTo, splat, whileBelow, when, type I32 } from './emit.ts'
import type { Emitter } from './kernel.ts'
import { emitGelu } from './math.ts'
import type { Engine } from './engine.ts'
import type { PackedLinear } from './panels.ts'
import { setTilePanels, type AnyTile } from './tile.ts'
import { TILE_ROWS, tilePanels } from './tile-sizes.ts'

/** The activations, by the number that the kernel knows them by. */
export const ACTIVATION = { none: 0, gelu: 1, relu: 2 } as const

/** Bytes of x, and of W's panels, that are to stay in a core's second cache together (1 MiB on current machines). */
const CACHED_BYTES = 384 * 1024

/** Multiply-adds below which waking other threads costs more than it saves. */
const WORTH_SHARING = 1 << 17

/** Chunks side by side at most: leaves room for as many row chunks as threads ask for. */
const MAX_ACROSS = 1024

/**
 * out [rows, out] = activation(x [rows, in] W + b) + residual, all given by address; `residual` 0 means none.
 * The work is cut by panels, and by rows too where there are few panels.
 */
export async function runLinear(
  engine: Engine,
  layer: PackedLinear,
  {
    x,
    rows,
    residual,
    out,
    activation,
  }: { x: number; rows: number; residual: number; out: number; activation: Activation },
): Promise<void> {
  const { panel, threads } = engine
  const panels = Math.ceil(layer.out / panel)
  if (rows === 0 || panels === 0) return
  const wanted = rows * layer.in * layer.out < WORTH_SHARING ? 1 : 4 * threads
  // panels of a chunk: few enough for every thread to get some, and to stay cached while blocks of rows pass
  const cachedPanels = Math.max(1, Math.floor(CACHED_BYTES / Math.max(1, layer.in * panel * 4)))
  const group = rows <= 2 ? tilePanels(rows) : 1
  const share = Math.ceil(panels / wanted / group) * group
  const leastPanels = Math.ceil(panels / MAX_ACROSS)
  const panelsPerChunk = Math.max(threads > 1 ? Math.min(share, cachedPanels) : cachedPanels, leastPanels)
  const across = Math.ceil(panels / panelsPerChunk)
  const rowsPerChunk = evenParts(rows, Math.min(Math.ceil(wanted / across), Math.ceil(rows / TILE_ROWS)))
  const rowsAtOnce = evenParts(rowsPerChunk, Math.ceil((rowsPerChunk * layer.in * 4) / CACHED_BYTES))
  await engine.run(
    'linear',
    [
      x,
      rows,
      layer.in,
      layer.weights.address,
      layer.bias.address,
      residual,
      out,
      layer.out,
      ACTIVATION[activation],
      panel,
      panelsPerChunk,
      rowsPerChunk,
      rowsAtOnce,
    ],
    across * Math.ceil(rows / rowsPerChunk),
  )
}

/** The size of a part when `total` is cut into `parts` parts, alike but for the last. */
function evenParts(total: number, parts: number): number {
  return Math.ceil(total / Math.max(1, parts))
}

/**
 * out [rows, N] = activation(x [rows, K] W + bias) + residual [rows, N], for a range of W's panels.
 * W lies in panels [ceil(N / panel)][K][panel], bias is padded to whole panels, residual may be 0: none.
 * A panel stays in the first cache while all rows of x pass: call it with as many rows as the second cache holds.
 */
export function linear(emitter: Emitter, anyTile: AnyTile) {
  const { panel } = emitter
  const finish = finishTile(emitter)
  return func(
    {
      // x, rows, K, w, bias, residual, out, N, activation, first panel, last panel (left out), sums (scratch)
      in: [i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32, i32],
      locals: [i32, i32, i32, i32, i32, i32],
      out: [],
    },
    (
      [x, rows, K, w, bias, residual, out, N, activation, p, lastPanel, sums],
      [panels, r, tileRows, start, width, valid],
    ) => {
      // for each panel; several at a time where rows are few
      whileBelow(p, lastPanel, () => {
        setTilePanels(panels, rows, p, lastPanel)
        // columns of the tile, and how many of them are not padding
        local.set(width, i32.mul(panels, panel))
        local.set(valid, i32.sub(N, i32.mul(p, panel)))
        limitTo(valid, width)
        // for each tile of rows
        local.set(r, i32.const(0))
        whileBelow(r, rows, () => {
          setTileRows(tileRows, i32.sub(rows, r))
          call(anyTile, [
            tileRows,
            panels,
            i32.add(x, i32.mul(i32.mul(r, K), 4)),
            i32.mul(K, 4),
            i32.add(w, i32.mul(i32.mul(p, K), panel * 4)),
            i32.mul(K, panel * 4),
            i32.const(panel * 4),
            K,
            sums,
          ])
          local.set(start, i32.mul(i32.add(i32.mul(r, N), i32.mul(p, panel)), 4))
          call(finish, [
            tileRows,
            width,
            valid,
            sums,
            i32.add(bias, i32.mul(p, panel * 4)),
            i32.mul(i32.add(residual, start), i32.ne(residual, 0)),
            i32.add(out, start),
            i32.mul(N, 4),
            activation,
          ])
          increment(r, tileRows)
        })
        increment(p, panels)
      })
    },
  )
}

/** tileRows = left / ceil(left / TILE_ROWS), rounded up: 13 rows are tiles of 5, 4 and 4, not 6, 6 and 1. */
function setTileRows(tileRows: I32, left: ReturnType<typeof i32.sub>): void {
  local.set(tileRows, left)
  const tiles = () => i32.div_u(i32.add(tileRows, TILE_ROWS - 1), TILE_ROWS)
  local.set(tileRows, i32.div_u(i32.sub(i32.add(tileRows, tiles()), 1), tiles()))
}

/** out[r][c] = activation(sums[r][c] + bias[c]) + residual[r][c] for the `valid` columns of a tile. */
function finishTile({ madd }: Emitter) {
  return func(
    {
      // rows, width of sums, valid columns, sums, bias, residual, out, bytes from row to row of out, activation
      in: [i32, i32, i32, i32, i32, i32, i32, i32, i32],
      locals: [i32, i32, i32, v128, v128, v128, v128, v128],
      out: [],
    },
    (
      [rows, width, valid, sums, bias, residual, out, stride, activation],
      [row, c, end, value, exponent, n, r, sum],
    ) => {
      local.set(end, i32.mul(valid, 4))
      const at = (address: I32) => i32.add(address, c)
      // for each row, for each four columns (c counts bytes)
      forUpTo(row, rows, 1, () => {
        local.set(c, i32.const(0))
        whileBelow(c, end, () => {
          local.set(value, f32x4.add(v128.load({}, at(sums)), v128.load({}, at(bias))))
          when(i32.eq(activation, ACTIVATION.gelu), () => emitGelu(value, exponent, { n, r, sum }, madd))
          when(i32.eq(activation, ACTIVATION.relu), () => local.set(value, f32x4.max(value, splat(0))))
          when(
            i32.le_u(i32.add(c, 16), end),
            () => {
              when(residual, () => local.set(value, f32x4.add(value, v128.load({}, at(residual)))))
              v128.store({}, at(out), value)
              increment(c, 16)
            },
            () => {
              // the last one to three columns, one at a time
              v128.store({}, at(sums), value)
              forUpTo(c, end, 4, () => {
                when(residual, () =>
                  f32.store({}, at(sums), f32.add(f32.load({}, at(sums)), f32.load({}, at(residual)))),
                )
                f32.store({}, at(out), f32.load({}, at(sums)))
              })
            },
          )
        })
        increment(sums, i32.mul(width, 4))
        increment(out, stride)
        when(residual, () => increment(residual, stride))
      })
    },
  )
}
