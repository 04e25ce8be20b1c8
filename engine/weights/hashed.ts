// Weights from a formula.
import type { Shape } from '../tensor.ts'
import type { WeightSource, WeightStore } from './weights.ts'

/** What a tensor of a formula is like: uniform on mean - scale .. mean + scale. */
export interface Uniform {
  readonly shape: Shape
  readonly mean: number
  readonly scale: number
}

/** FNV-1a, 32 bits, of a name's UTF-8 bytes (Fowler, Noll, Vo). */
function fnv1a(name: string): number {
  let hash = 0x811c9dc5
  for (const byte of new TextEncoder().encode(name)) hash = Math.imul(hash ^ byte, 0x01000193)
  return hash >>> 0
}

/**
 * A tensor that is computed instead of stored: element i is a hash of (name, i), made uniform.
 * Anyone with the formula has the same weights, so full-size checks need no download.
 * The mixing steps are MurmurHash3's finaliser.
 */
export function hashedSource(name: string, { shape, mean, scale }: Uniform): WeightSource {
  const seed = fnv1a(name)
  return {
    name,
    shape,
    async read(into, start) {
      for (let i = 0; i < into.length; i++) {
        let h = (Math.imul(start + i, 0x9e3779b9) + seed) | 0
        h = Math.imul(h ^ (h >>> 16), 0x85ebca6b)
        h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35)
        h = (h ^ (h >>> 16)) >>> 0
        into[i] = mean + scale * ((2 * h) / 2 ** 32 - 1)
      }
    },
  }
}

/** A table of formula tensors as a weight store. */
export function hashedStore(label: string, table: ReadonlyMap<string, Uniform>): WeightStore {
  return {
    label,
    names: () => [...table.keys()],
    get(name) {
      const uniform = table.get(name)
      if (!uniform) throw new Error(`${label}: there is no tensor "${name}"`)
      return hashedSource(name, uniform)
    },
    close: async () => {},
  }
}
