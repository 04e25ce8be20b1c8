import { func, i32, importMemory, local, Module, v128 } from 'wasmati'
import { doWhile, increment, splat } from './emit.ts'
import type { Platform } from './engine.ts'
import { instantiate } from './instance.ts'
import type { Int8Method } from './kernel.ts'
import { addDot } from './screen-digits.ts'

const METHODS: readonly Int8Method[] = ['dot', 'pairs']
const fastest = new Map<boolean, Int8Method>()

/**
 * The faster of the two relaxed methods on this machine: processors without an instruction for `dot` get four in its
 * place, of which `pairs` needs only three. No engine says which it is, so it is measured, once, in a millisecond.
 * Both give the same sums: a wrong answer would cost speed, never a bit of a result.
 */
export function fastestInt8(platform: Pick<Platform, 'compile'>, paired: boolean): Int8Method {
  let method = fastest.get(paired)
  if (method === undefined) {
    const kernels = METHODS.map((candidate) => peakKernel(platform, candidate, paired))
    const shortest = METHODS.map(() => Infinity)
    // in turn, so that whatever else the machine does slows down both
    for (let run = 0; run < RUNS; run++)
      kernels.forEach((kernel, i) => {
        const start = performance.now()
        kernel.peak(ROUNDS)
        shortest[i] = Math.min(shortest[i], performance.now() - start)
      })
    method = METHODS[shortest.indexOf(Math.min(...shortest))]
    fastest.set(paired, method)
  }
  return method
}

/** 20 runs of some 20 microseconds each. */
const [RUNS, ROUNDS] = [20, 4000]

function peakKernel(
  platform: Pick<Platform, 'compile'>,
  method: Int8Method,
  paired: boolean,
): { peak(rounds: number): void } {
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 })
  const exports = {
    peak: peak(method),
    // part of the bytes, because V8 keeps compiled code by them
    paired: func({ in: [], out: [i32] }, () => i32.const(Number(paired))),
  }
  const bytes = new Uint8Array(Module({ memory: importMemory({ min: 1, max: 1 }), exports }).toBytes())
  return instantiate(platform.compile(bytes, { paired }), memory)
}

/** For each round: 24 dot products, added to 12 sums in turn. */
function peak(method: Int8Method) {
  const registers = Array.from({ length: 12 }, () => v128)
  return func(
    { in: [i32], locals: [v128, v128, v128, ...registers], out: [] },
    ([rounds], [x, w, one, ...sums]) => {
      local.set(one, v128.const('i16x8', [1, 1, 1, 1, 1, 1, 1, 1]))
      for (const operand of [x, w]) local.set(operand, v128.load({}, rounds))
      for (const sum of sums) local.set(sum, splat(0))
      doWhile(() => {
        for (let i = 0; i < 24; i++) addDot(method, sums[i % 12], [x], [w], one)
        increment(rounds, -1)
        return i32.ne(rounds, 0)
      })
      sums.forEach((sum, i) => v128.store({ offset: i * 16 }, rounds, sum))
    },
  )
}
