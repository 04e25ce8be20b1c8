import { f32x4, func, i32, importMemory, local, Module, v128 } from 'wasmati'
import { doWhile, increment, multiplyAdd, splat, whileBelow } from './emit.ts'
import { MAX_PAGES } from './memory.ts'

/** Floating-point operations of one round of `peak`: 96 multiply-adds of 4 lanes. */
export const PEAK_FLOPS_PER_ROUND = 96 * 4 * 2

/** What an instance of the roofline module exports. */
export interface Roofline {
  peak(rounds: number, at: number): void
  read(from: number, to: number, at: number): void
}

/**
 * What the machine can do, for measured rates to be held against, as a module of its own:
 * - `peak(rounds, at)`: multiply-adds in registers only, enough of them independent to hide their latency;
 * - `read(from, to, at)`: reads every byte once and adds them up (the range: a multiple of 256 bytes).
 * Both keep their result at `at` (256 bytes), so that no compiler drops the work.
 */
export function rooflineModule(options: {
  fused: boolean
  paired: boolean
  shared: boolean
}): Uint8Array<ArrayBuffer> {
  const memory = importMemory({ min: 1, max: MAX_PAGES, shared: options.shared })
  const { paired } = options
  const module = Module({
    memory,
    exports: {
      peak: peak(options.fused, paired ? 24 : 12),
      read: read(),
      paired: func({ in: [], out: [i32] }, () => i32.const(Number(paired))),
    },
  })
  return new Uint8Array(module.toBytes())
}

function peak(fused: boolean, count: number) {
  const madd = multiplyAdd(fused)
  const registers = Array.from({ length: count }, () => v128)
  return func(
    { in: [i32, i32], locals: [v128, v128, ...registers], out: [] },
    ([rounds, at], [x, y, ...sums]) => {
      local.set(x, v128.load32_splat({ offset: 0 }, at))
      local.set(y, v128.load32_splat({ offset: 4 }, at))
      sums.forEach((sum, i) => local.set(sum, v128.load({ offset: i * 16 }, at)))
      // for each round: 96 times sum += x * y, over all sums in turn
      doWhile(() => {
        for (let i = 0; i < 96; i++) local.set(sums[i % count], madd(x, y, sums[i % count]))
        increment(rounds, -1)
        return i32.ne(rounds, 0)
      })
      sums.forEach((sum, i) => v128.store({ offset: i * 16 }, at, sum))
    },
  )
}

function read() {
  const registers = Array.from({ length: 15 }, () => v128)
  return func({ in: [i32, i32, i32], locals: [v128, ...registers], out: [] }, ([from, to, at], sums) => {
    for (const sum of sums) local.set(sum, splat(0))
    // for each 256 bytes: sums += them
    whileBelow(from, to, () => {
      sums.forEach((sum, i) => local.set(sum, f32x4.add(sum, v128.load({ offset: i * 16 }, from))))
      increment(from, 256)
    })
    sums.forEach((sum, i) => v128.store({ offset: i * 16 }, at, sum))
  })
}
