// jax-js, for `bench peers`.
import { load, type PeerEntry } from './peer.ts'

/** The part of @jax-js/jax used here. An operation consumes its operands; `ref` keeps one for later. */
interface Jax {
  init(device: string): Promise<string[]>
  readonly numpy: {
    array(values: Float32Array, options: { shape: number[]; device: string }): JaxArray
    matmul(a: JaxArray, b: JaxArray): JaxArray
  }
}
interface JaxArray {
  readonly ref: JaxArray
  data(): Promise<Float32Array>
  dispose(): void
}

/** jax-js on its WebAssembly device. Its threads are Web Workers, which Node does not have. */
export function jaxJs(): PeerEntry {
  return {
    name: 'jax-js',
    async start() {
      const jax = await load<Jax>('@jax-js/jax')
      if (!(await jax.init('wasm')).includes('wasm')) throw new Error('its wasm device did not start')
      return {
        mode: 'wasm simd',
        threads: 1,
        async prepare({ m, k, n, a, b }) {
          const weight = jax.numpy.array(b, { shape: [k, n], device: 'wasm' })
          return {
            async run() {
              const x = jax.numpy.array(a, { shape: [m, k], device: 'wasm' })
              return jax.numpy.matmul(x, weight.ref).data()
            },
            release: () => weight.dispose(),
          }
        },
      }
    },
  }
}
