// The steps from three plain loops to every instruction there is, and what each changes.
import { detectFeatures } from '../../engine/wasm/platform/features.ts'
import { platform as nodePlatform } from '../../engine/wasm/platform/platform-node.ts'
import type { PreparedMatmul, Problem } from '../matmul.ts'
import type { Instructions } from '../../engine/wasm/platform/peak.ts'
import { naive } from './naive.ts'
import { pack, packed } from './packed.ts'
import { tiled } from './tiled.ts'
import { transpose, transposed } from './transposed.ts'
import { prepareEngine } from './wasm.ts'

/** One step of the ladder: a way to multiply matrices, and what it changes from the step before. */
export interface Rung {
  readonly name: string
  readonly changes: string
  readonly threads: number
  /** The peak it is compared with; default: the fastest on as many threads. */
  readonly instructions?: Instructions
  /** Why it cannot run here. */
  readonly missing?: string
  prepare(problem: Problem): Promise<PreparedMatmul & { readonly mode: string }>
}

type JsKernel = (a: Float32Array, b: Float32Array, c: Float32Array, m: number, k: number, n: number) => void

/** A plain JavaScript rung: B is rearranged once, as a weight is when it is loaded, then `kernel` runs. */
function inJavaScript(
  name: string,
  changes: string,
  kernel: JsKernel,
  rearrange: (b: Float32Array, k: number, n: number) => Float32Array = (b) => b,
): Rung {
  return {
    name,
    changes,
    threads: 1,
    async prepare({ m, k, n, a, b }) {
      const weight = rearrange(b, k, n)
      const c = new Float32Array(m * n)
      const run = () => {
        kernel(a, weight, c, m, k, n)
        return c
      }
      return { mode: 'JavaScript', run }
    },
  }
}

/** A rung of the WebAssembly engine, which is told exactly what it may use. */
function inWasm(name: string, changes: string, instructions: Instructions, threads: number): Rung {
  const { fused, paired } = instructions
  const prepare = (problem: Problem) => prepareEngine(problem, { fused, paired, threads })
  return { name, changes, threads, instructions, missing: whyNot(instructions), prepare }
}

function whyNot({ fused, paired }: Instructions): string | undefined {
  const { simd, fused: canFuse } = detectFeatures()
  if (!simd) return 'this JavaScript engine has no WebAssembly SIMD'
  if (fused && !canFuse) return 'this JavaScript engine has no relaxed SIMD'
  if (paired && !nodePlatform.pairs()) return 'this JavaScript engine makes no 256-bit code of paired vectors'
  return undefined
}

/** The whole lesson, slowest first. */
export function ladder(threads: number): Rung[] {
  const [separate, fma, wide] = [
    { fused: false, paired: false },
    { fused: true, paired: false },
    { fused: true, paired: true },
  ]
  return [
    inJavaScript('naive', 'Three loops, as the product is defined; B is read down its columns.', naive),
    inJavaScript(
      'transposed',
      'B is stored by columns, so each number read lies next to the one before.',
      transposed,
      transpose,
    ),
    inJavaScript(
      'tiled',
      'A tile of 2 x 4 outputs is summed at once: each loaded number is used several times.',
      tiled,
      transpose,
    ),
    inJavaScript(
      'packed',
      'B is stored in panels as wide as the tile: the tile moves one pointer, and the panel stays in the cache.',
      packed,
      pack,
    ),
    inWasm('SIMD', 'WebAssembly: four float32 at a time, larger tiles, sums in blocks.', separate, 1),
    inWasm('FMA', 'Multiplication and addition in one instruction, rounded once (relaxed SIMD).', fma, 1),
    inWasm('threads', 'The panels are divided among threads that share one memory.', fma, threads),
    inWasm('revectorized', 'One thread again: V8 turns pairs of vectors into 256-bit instructions.', wide, 1),
    inWasm(
      'revectorized, threads',
      'All of these together: what the backend does by default.',
      wide,
      threads,
    ),
  ]
}
