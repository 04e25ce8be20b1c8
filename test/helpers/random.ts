import fc from 'fast-check'
import { Tensor, sizeOf, type Shape } from '../../engine/tensor.ts'

/** Numbers in -1..1 that look random and depend on the seed alone (xorshift32, Marsaglia 2003). */
export function randomNumbers(seed: number): () => number {
  let state = Math.imul(seed + 1, 0x9e3779b9) | 1
  return () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return state / 2 ** 31
  }
}

/** Uniform on mean - scale .. mean + scale. */
export function randomTensor(shape: Shape, seed: number, scale = 1, mean = 0): Tensor {
  const next = randomNumbers(seed)
  return new Tensor(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, () => mean + scale * next()),
  )
}

/** Row counts and widths at which tiles, vectors and loops end: none, one, primes, and both sides of 4, 8, 16, 32. */
const edges = [0, 1, 2, 3, 4, 5, 7, 8, 9, 11, 13, 15, 16, 17, 23, 31, 32, 33, 37, 47, 48, 49, 63, 64, 65]
export const anyRows = fc.constantFrom(...edges.filter((size) => size <= 23))
export const anyWidth = fc.constantFrom(...edges.filter((size) => size > 0))
export const anySeed = fc.nat(2 ** 31)

/** Checks a property on inputs that are random and the same in every run. */
export async function holds<T extends unknown[]>(
  arbitraries: { [K in keyof T]: fc.Arbitrary<T[K]> },
  property: (...values: T) => Promise<void> | void,
  numRuns = 40,
): Promise<void> {
  const inputs = fc.tuple<unknown[]>(...arbitraries) as fc.Arbitrary<T>
  const run = async (values: T) => property(...values)
  await fc.assert(fc.asyncProperty(inputs, run), { seed: 20190214, numRuns, includeErrorInReport: true })
}
