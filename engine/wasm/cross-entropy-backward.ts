import { f32, f32x4, i32, local } from 'wasmati'
import { forLanes, forRows, increment } from './emit.ts'
import { call, func } from './function.ts'
import type { Emitter } from './emitter.ts'
import { KERNELS } from './kernels.ts'
import { softmaxOfRow } from './softmax.ts'

/** out[r] = dY[r] (softmax(x[r]) - 1 at targets[r]) for a range of rows of `width` numbers. */
export function crossEntropyBackward(emitter: Emitter) {
  const ofRow = softmaxOfRow(emitter)
  return func(
    { in: KERNELS.crossEntropyBackward, locals: { i32: 3, v128: 2 } },
    ({ dY, x, targets, out, width, first, last }, { i32: [c, bytes, at], v128: [factor, value] }) => {
      local.set(bytes, i32.mul(width, 4))
      for (const each of [dY, targets]) increment(each, i32.mul(first, 4))
      forRows({ first, last, bytes }, [x, out], () => {
        call(ofRow, { x, out, width })
        local.set(at, i32.add(out, i32.mul(i32.load({}, targets), 4)))
        f32.store({}, at, f32.sub(f32.load({}, at), f32.const(1)))
        local.set(factor, f32x4.splat(f32.load({}, dY)))
        forLanes(c, bytes, ({ load, store }) => {
          local.set(value, f32x4.mul(factor, load(i32.add(out, c))))
          store(i32.add(out, c), value)
        })
        for (const each of [dY, targets]) increment(each, 4)
      })
    },
  )
}
