import { f32x4, i32, local, v128 } from 'wasmati'
import { squaresOfPieces } from './adam.ts'
import { forLanes, forUpTo } from './emit.ts'
import type { Emitter } from './emitter.ts'
import type { Engine } from './engine.ts'
import { func } from './function.ts'
import { KERNELS, type Numbers } from './kernels.ts'
import { Block } from './tensors.ts'

/** |x[r]| of each of x's rows, by address. */
export async function runRowLengths(
  engine: Engine,
  { x, rows, width }: Numbers<'x' | 'rows' | 'width'>,
): Promise<Float64Array> {
  if (rows === 0 || width === 0) return new Float64Array(rows)
  return (await squaresOfPieces(engine, { x, count: rows * width, piece: width })).map(Math.sqrt)
}

/** out[r] = scale[r] x[r], or out[r] += it, by address; rows of out lie `outStride` bytes apart. */
export async function runScaleRows(
  engine: Engine,
  kernel: 'scaleRows' | 'addScaledRows',
  place: Numbers<'x' | 'out' | 'width' | 'outStride'>,
  scale: ArrayLike<number>,
): Promise<void> {
  using scales = new Block(engine.arena, scale.length * 4, `${kernel}: scales`)
  engine.arena.floats(scales.address, scale.length).set(scale)
  await engine.runRanged(kernel, { ...place, scale: scales.address }, scale.length, 1)
}

/** out[r] = scale[r] x[r], for a range of rows; `adds`: out[r] += scale[r] x[r] */
export function scaleRows({ madd }: Emitter, adds: boolean) {
  return func(
    { in: KERNELS.scaleRows, locals: { i32: 4, v128: 3 } },
    (
      { x, scale, out, width, outStride, first: r, last },
      { i32: [c, bytes, from, to], v128: [factor, value, sum] },
    ) => {
      local.set(bytes, i32.mul(width, 4))
      forUpTo(r, last, 1, () => {
        local.set(factor, v128.load32_splat({}, i32.add(scale, i32.mul(r, 4))))
        local.set(from, i32.add(x, i32.mul(r, bytes)))
        local.set(to, i32.add(out, i32.mul(r, outStride)))
        forLanes(c, bytes, ({ load, store }) => {
          local.set(value, load(i32.add(from, c)))
          if (adds) {
            local.set(sum, load(i32.add(to, c)))
            local.set(value, madd(value, factor, sum))
          } else local.set(value, f32x4.mul(value, factor))
          store(i32.add(to, c), value)
        })
      })
    },
  )
}
