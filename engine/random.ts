// Numbers that a seed decides.
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64'
import { uniformInt } from 'pure-rand/distribution/uniformInt'
import { mersenne } from 'pure-rand/generator/mersenne'

/** What a seed decides: the same seed, the same numbers in the same order. */
export interface Random {
  /** A number from 0 to 1 (exclusive). */
  number(): number
  /** A whole number from 0 to `below` (exclusive). */
  index(below: number): number
}

/** A seed for the `n`th of many draws: what is drawn there depends on nothing that was drawn before. */
export function seedOf(seed: number, n: number): number {
  return (Math.imul(seed + 1, 0x9e3779b1) + n) >>> 0
}

/**
 * A Mersenne Twister. Its state is spread from the seed, so that small seeds begin as well as large ones
 * (xoroshiro128+ seeded with a small number begins with 1.0, .75, ...).
 * @throws unless `seed` is a whole number from 0 to 2^32 - 1
 */
export function createRandom(seed: number): Random {
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32)
    throw new Error(`random: the seed must be a whole number from 0 to ${2 ** 32 - 1}, got ${seed}`)
  const generator = mersenne(seed)
  return {
    number: () => uniformFloat64(generator),
    index: (below) => uniformInt(generator, 0, below - 1),
  }
}

/** A number of the standard normal distribution (Box and Muller 1958). */
export function normal(random: Random): number {
  return Math.sqrt(-2 * Math.log(1 - random.number())) * Math.cos(2 * Math.PI * random.number())
}
