// The loop that measures how fast memory is read.
import { f32x4, func, i32, importMemory, local, Module, v128 } from 'wasmati'
import { increment, splat, whileBelow } from '../engine/wasm/emit.ts'
import { MAX_PAGES } from '../engine/wasm/memory.ts'

/**
 * A module with one function `read(from, to, at)`: reads every byte once and adds them up (the range: a multiple of 256
 * bytes). It keeps the sums at `at` (256 bytes), so that no compiler drops the work.
 */
export function readModule(): Uint8Array<ArrayBuffer> {
  const registers = Array.from({ length: 15 }, () => v128)
  const read = func(
    { in: [i32, i32, i32], locals: [v128, ...registers], out: [] },
    ([from, to, at], sums) => {
      for (const sum of sums) local.set(sum, splat(0))
      // for each 256 bytes: sums += them
      whileBelow(from, to, () => {
        sums.forEach((sum, i) => local.set(sum, f32x4.add(sum, v128.load({ offset: i * 16 }, from))))
        increment(from, 256)
      })
      sums.forEach((sum, i) => v128.store({ offset: i * 16 }, at, sum))
    },
  )
  const memory = importMemory({ min: 1, max: MAX_PAGES, shared: true })
  return new Uint8Array(Module({ memory, exports: { read } }).toBytes())
}
