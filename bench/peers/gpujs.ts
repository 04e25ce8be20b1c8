import { loadCommonJs, showThreads, type PeerEntry } from './peer.ts'

/** What is used of gpu.js; its own types lack its newer modes. */
interface GpuJs {
  readonly GPU: {
    new (settings: { mode: GpuMode }): Gpu
    readonly isHeadlessGLSupported: boolean
    readonly isWebGL2Supported: boolean
    isWebGPUAvailable(): Promise<boolean>
  }
  /** A flat array as a matrix of [columns, rows]. */
  readonly input: (data: Float32Array, size: readonly number[]) => GpuInput
}
interface Gpu {
  createKernel(cell: Cell, settings: Record<string, unknown>): Kernel
}
interface Kernel {
  (a: GpuInput, b: GpuInput): Float32Array[] | Promise<Float32Array[]>
  destroy(): void
}
type GpuInput = object
type GpuMode = 'cpu' | 'webasm' | 'headlessgl' | 'webgl2' | 'webgpu'
type Cell = typeof cell

interface CellContext {
  readonly thread: { readonly x: number; readonly y: number }
  readonly constants: { readonly k: number }
}

/** One cell of C. gpu.js reads the text of this function: it may use nothing but its arguments and `this`. */
function cell(this: CellContext, a: number[][], b: number[][]): number {
  let sum = 0
  for (let p = 0; p < this.constants.k; p++) sum += a[this.thread.y][p] * b[p][this.thread.x]
  return sum
}

/** gpu.js in one of its modes; more than one thread is its worker pool, which only `webasm` has. */
export function gpuJs(mode: GpuMode, threads: number): PeerEntry {
  const pool = threads > 1
  return {
    name: `gpu.js ${mode}${pool ? `, ${showThreads(threads)}` : ''}`,
    start: async () => {
      const { GPU, input } = loadCommonJs<GpuJs>('gpu.js')
      if (!(await isSupported(GPU, mode))) throw new Error(`gpu.js does not support its mode ${mode} here`)
      const gpu = new GPU({ mode })
      return {
        mode: `${mode}${pool ? ', worker pool' : ''}`,
        threads,
        prepare: async ({ m, k, n, a, b }) => {
          const kernel = gpu.createKernel(cell, {
            output: [n, m],
            constants: { k },
            asyncMode: pool || mode === 'webgpu',
            ...(pool ? { poolSize: threads } : {}),
          })
          const weight = input(b, [n, k])
          return {
            run: async () => {
              const rows = await kernel(input(a, [k, m]), weight)
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

async function isSupported(GPU: GpuJs['GPU'], mode: GpuMode): Promise<boolean> {
  if (mode === 'headlessgl') return GPU.isHeadlessGLSupported
  if (mode === 'webgl2') return GPU.isWebGL2Supported
  if (mode === 'webgpu') return GPU.isWebGPUAvailable()
  return true
}
