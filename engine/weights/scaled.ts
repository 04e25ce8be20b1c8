// Weights that are multiplied while they are read.
import type { WeightSource } from './weights.ts'

/** Each row of a [rows, width] source times its own factor, or all numbers of any source times one. factors [rows] */
export function scaledRows(source: WeightSource, factors: Float32Array | number): WeightSource {
  const width = source.shape.at(-1) ?? 1
  return scaled(source, typeof factors === 'number' ? () => factors : (at) => factors[Math.floor(at / width)])
}

/** Each column of a [rows, width] source, or each number of a [width] one, times its own factor. factors [width] */
export function scaledColumns(source: WeightSource, factors: Float32Array): WeightSource {
  return scaled(source, (at) => factors[at % factors.length])
}

function scaled(source: WeightSource, factorAt: (at: number) => number): WeightSource {
  return {
    name: source.name,
    shape: source.shape,
    async read(into, start) {
      await source.read(into, start)
      for (let i = 0; i < into.length; i++) into[i] *= factorAt(start + i)
    },
  }
}
