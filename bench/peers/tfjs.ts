// TensorFlow.js, for `bench peers`.
import { dirname, sep } from 'node:path'
import { loadCommonJs, resolvePath, type PeerEntry } from './peer.ts'

/** The parts of @tensorflow/tfjs-core and @tensorflow/tfjs-backend-wasm used here. */
interface Tensorflow {
  setBackend(name: string): Promise<boolean>
  tensor2d(data: Float32Array, shape: readonly number[]): TfTensor
  matMul(a: TfTensor, b: TfTensor): TfTensor
}
interface TfTensor {
  data(): Promise<Float32Array>
  dispose(): void
}
interface WasmBackend {
  setWasmPaths(folder: string): void
  setThreadsCount(threads: number): void
  getThreadsCount(): number
}

/** TensorFlow.js on its WebAssembly backend, where XNNPACK multiplies the matrices. It has threads in browsers only. */
export function tfjsWasm(): PeerEntry {
  return {
    name: 'tfjs-backend-wasm',
    async start() {
      const tf = loadCommonJs<Tensorflow>('@tensorflow/tfjs-core')
      const wasm = loadCommonJs<WasmBackend>('@tensorflow/tfjs-backend-wasm')
      wasm.setWasmPaths(dirname(resolvePath('@tensorflow/tfjs-backend-wasm')) + sep)
      if (!(await tf.setBackend('wasm'))) throw new Error('its wasm backend did not start')
      return {
        mode: 'wasm simd (XNNPACK)',
        threads: 1,
        async prepare({ m, k, n, a, b }) {
          const weight = tf.tensor2d(b, [k, n])
          return {
            async run() {
              const x = tf.tensor2d(a, [m, k])
              const c = tf.matMul(x, weight)
              const data = await c.data()
              x.dispose()
              c.dispose()
              return data
            },
            release: () => weight.dispose(),
          }
        },
      }
    },
  }
}
