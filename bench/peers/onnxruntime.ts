// ONNX Runtime, native and as WebAssembly, for `bench peers`.
import type { PreparedMatmul, Problem } from '../matmul.ts'
import { matmulModel } from './onnx-model.ts'
import { load, showThreads, type PeerEntry } from './peer.ts'

/** The part used here of onnxruntime-common's interface, which both packages have. */
interface OnnxRuntime {
  readonly env: { readonly wasm: { numThreads?: number } }
  readonly Tensor: new (type: 'float32', data: Float32Array, shape: readonly number[]) => OnnxTensor
  readonly InferenceSession: {
    create(model: Uint8Array, options: Record<string, unknown>): Promise<Session>
  }
}
interface OnnxTensor {
  readonly data: Float32Array
}
interface Session {
  run(feeds: Record<string, OnnxTensor>): Promise<Record<string, OnnxTensor>>
  release(): Promise<void>
}

/** Microsoft's ONNX Runtime as a native addon. */
export function onnxruntimeNode(threads: number): PeerEntry {
  return {
    name: `onnxruntime-node, ${showThreads(threads)}`,
    async start() {
      const ort = await load<OnnxRuntime>('onnxruntime-node')
      const options = { executionProviders: ['cpu'], intraOpNumThreads: threads, interOpNumThreads: 1 }
      return { mode: 'native', threads, prepare: (problem) => prepare(ort, options, problem) }
    },
  }
}

/** The same runtime compiled to WebAssembly with SIMD. Its number of threads is set once for the whole process. */
export function onnxruntimeWeb(threads: number): PeerEntry {
  return {
    name: 'onnxruntime-web',
    async start() {
      const ort = await load<OnnxRuntime>('onnxruntime-web')
      ort.env.wasm.numThreads = threads
      return {
        mode: 'wasm simd',
        threads,
        prepare: (problem) => prepare(ort, { executionProviders: ['wasm'] }, problem),
      }
    },
  }
}

async function prepare(
  ort: OnnxRuntime,
  options: Record<string, unknown>,
  problem: Problem,
): Promise<PreparedMatmul> {
  const session = await ort.InferenceSession.create(matmulModel(problem), options)
  const a = new ort.Tensor('float32', problem.a, [problem.m, problem.k])
  return {
    run: async () => (await session.run({ A: a })).C.data,
    release: () => session.release(),
  }
}
