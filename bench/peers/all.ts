import type { Backend } from '../../engine/backend.ts'
import { createBackend } from '../../engine/backends.ts'
import { createWasmBackend } from '../../engine/wasm/backend.ts'
import { nodePlatform } from '../../engine/wasm/platform/platform-node.ts'
import { prepareEncoderOn, prepareOn } from '../matmul.ts'
import { threadsOf } from '../rows.ts'
import { gpuJs } from './gpujs.ts'
import { jaxJs } from './jax-js.ts'
import { onnxruntimeNode, onnxruntimeWeb } from './onnxruntime.ts'
import { showThreads, type PeerEntry } from './peer.ts'
import { tfjsWasm } from './tfjs.ts'

/** Packages of bench/peers/package.json without which there is nobody to compare with. */
export const packages = [
  'onnxruntime-node',
  'onnxruntime-web',
  '@tensorflow/tfjs-core',
  '@tensorflow/tfjs-backend-wasm',
  '@jax-js/jax',
]

/** Everyone who multiplies matrices here, our backend first; with threads, those who have any run with one and with all. */
export function everyone(backend: string, threads: number): PeerEntry[] {
  const counts = [...new Set([1, threads])]
  return [
    ...counts.map((count) => ownBackend(backend, count)),
    ...(backend === 'wasm' ? counts.map(narrow) : []),
    ...counts.map((count) => ownEncoder(backend, count)),
    ...counts.map(onnxruntimeNode),
    onnxruntimeWeb(threads),
    tfjsWasm(),
    jaxJs(),
    ...counts.map((count) => gpuJs('webasm', count)),
    gpuJs('cpu', 1),
    gpuJs('headlessgl', 1),
    gpuJs('webgl2', 1),
    gpuJs('webgpu', 1),
  ]
}

/** Our side of it. */
function ownBackend(name: string, threads: number): PeerEntry {
  return {
    name: `${name}, ${showThreads(threads)}`,
    start: async () => {
      const ops = await startBackend(name, threads)
      return { mode: ops.mode, threads, prepare: (problem) => prepareOn(ops, problem) }
    },
  }
}

/** Our WebAssembly backend without V8's experimental 256-bit code. */
function narrow(threads: number): PeerEntry {
  return {
    name: `wasm 128-bit, ${showThreads(threads)}`,
    start: async () => {
      const ops = await createWasmBackend(nodePlatform, { threads, paired: false })
      return { mode: ops.mode, threads, prepare: (problem) => prepareOn(ops, problem) }
    },
  }
}

/** Our SAE encoder, which need not compute what ReLU throws away, beside the others' dense products. */
function ownEncoder(name: string, threads: number): PeerEntry {
  return {
    name: `${name} sparseEncode, ${showThreads(threads)}`,
    work: 'sae.encode',
    fits: ({ n }) => n === 24576,
    start: async () => {
      const ops = await startBackend(name, threads)
      return { mode: ops.mode, threads, prepare: (problem) => prepareEncoderOn(ops, problem) }
    },
  }
}

async function startBackend(name: string, threads: number): Promise<Backend> {
  const ops = await createBackend(name, { threads })
  if (threadsOf(ops) !== threads) throw new Error(`it runs otherwise: ${ops.mode}`)
  return ops
}
