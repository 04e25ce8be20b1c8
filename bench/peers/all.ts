// Everyone who multiplies matrices in `bench peers`.
import type { Backend } from '../../engine/backend.ts'
import { createBackend } from '../../engine/backends.ts'
import { prepareEncoderOn, prepareOn, type PreparedMatmul, type Problem } from '../matmul.ts'
import { threadsOf } from '../rows.ts'
import { gpuJs } from './gpujs.ts'
import { jaxJs } from './jax-js.ts'
import { onnxruntimeNode, onnxruntimeWeb } from './onnxruntime.ts'
import manifest from './package.json' with { type: 'json' }
import { showThreads, type PeerEntry } from './peer.ts'
import { tfjsWasm } from './tfjs.ts'

/** Packages without which there is nothing to compare with. */
export const packages = Object.keys(manifest.dependencies)

/** Our backend first; those that have threads run with one and with all. */
export function everyone(backend: string, threads: number): PeerEntry[] {
  const counts = [...new Set([1, threads])]
  const plain = { name: backend, prepare: prepareOn }
  const narrow = { name: 'wasm 128-bit', prepare: prepareOn, paired: false } // without V8's experimental 256-bit code
  const encoder = { name: `${backend} sparseEncode`, prepare: prepareEncoderOn, work: 'sae.encode' }
  const own = backend === 'wasm' ? [plain, narrow, encoder] : [plain, encoder]
  return [
    ...own.flatMap((one) => counts.map((count) => ownBackend(backend, count, one))),
    ...counts.map(onnxruntimeNode),
    onnxruntimeWeb(threads),
    tfjsWasm(),
    jaxJs(),
    ...counts.map((count) => gpuJs('webasm', count)),
    gpuJs('cpu', 1),
  ]
}

/** Our side; unlike the others' dense products, its SAE encoder need not compute what ReLU throws away. */
function ownBackend(
  backend: string,
  threads: number,
  {
    name,
    prepare,
    work,
    paired,
  }: {
    readonly name: string
    readonly prepare: (ops: Backend, problem: Problem) => Promise<PreparedMatmul>
    readonly work?: string
    readonly paired?: boolean
  },
): PeerEntry {
  return {
    name: `${name}, ${showThreads(threads)}`,
    work,
    async start() {
      const ops = await createBackend(backend, { threads, paired })
      if (threadsOf(ops) !== threads) throw new Error(`it runs in another mode: ${ops.mode}`)
      return { mode: ops.mode, threads, prepare: (problem) => prepare(ops, problem) }
    },
  }
}
