// gpu.js itself, one output per thread, as its own examples multiply matrices: what engine/gpujs/ is compared with.
import type { Matrix, Thread } from '../../engine/gpujs/kernel.ts'
import { loadGpuJs } from '../../engine/gpujs/modes.ts'
import { showThreads, type PeerEntry } from './peer.ts'

/** One cell of C. gpu.js reads the text of this function: it may use nothing but its arguments and `this`. */
function cell(this: Thread<'k'>, a: Matrix, b: Matrix): number {
  let sum = 0
  for (let p = 0; p < this.constants.k; p++) sum += a[this.thread.y][p] * b[p][this.thread.x]
  return sum
}

/** In a mode that runs in Node; more than one thread means its worker pool, which only `webasm` has. */
export function gpuJs(mode: 'cpu' | 'webasm', threads: number): PeerEntry {
  const pool = threads > 1
  return {
    name: `gpu.js ${mode}${pool ? `, ${showThreads(threads)}` : ''}`,
    async start() {
      const gpujs = await loadGpuJs()
      const gpu = new gpujs.GPU({ mode })
      return {
        mode: `${mode}${pool ? ', worker pool' : ''}`,
        threads,
        async prepare({ m, k, n, a, b }) {
          const settings = { output: [n, m], constants: { k }, asyncMode: pool }
          const kernel = gpu.createKernel(cell, pool ? { ...settings, poolSize: threads } : settings)
          const weight = gpujs.input(b, [n, k])
          return {
            async run() {
              const rows = (await kernel(gpujs.input(a, [k, m]), weight)) as Float32Array[]
              const c = new Float32Array(m * n)
              rows.forEach((row, r) => c.set(row, r * n))
              return c
            },
            release: () => kernel.destroy(),
          }
        },
      }
    },
  }
}
