import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createRandom } from '../../engine/random.ts'

const test = suite('random')

test('the first number of small seeds is spread evenly: 1,000 seeds in ten bins', () => {
  const bins = new Uint32Array(10)
  for (let seed = 0; seed < 1000; seed++) bins[Math.floor(createRandom(seed).number() * 10)]++
  // Chi-squared with 9 degrees of freedom exceeds 27.9 once in a thousand; xoroshiro128+ gave 9,000 here.
  const chiSquared = bins.reduce((sum, count) => sum + (count - 100) ** 2 / 100, 0)
  assert.ok(chiSquared < 27.9, `${chiSquared}: ${bins.join(' ')}`)
})

test('the first index of small seeds is spread evenly', () => {
  const bins = new Uint32Array(7)
  for (let seed = 0; seed < 1400; seed++) bins[createRandom(seed).index(7)]++
  const chiSquared = bins.reduce((sum, count) => sum + (count - 200) ** 2 / 200, 0)
  assert.ok(chiSquared < 22.5, `${chiSquared}: ${bins.join(' ')}`) // 6 degrees of freedom, once in a thousand
})

test('the same seed gives the same numbers, another seed others', () => {
  const draw = (seed: number): number[] => {
    const random = createRandom(seed)
    return Array.from({ length: 20 }, () => random.number())
  }
  assert.equal(draw(2 ** 32 - 1), draw(2 ** 32 - 1))
  assert.not.equal(draw(0), draw(1))
  for (const number of draw(3)) assert.ok(number >= 0 && number < 1)
})

test('a seed that is none', () => {
  for (const seed of [-1, 0.5, NaN, 2 ** 32])
    assert.throws(
      () => createRandom(seed),
      (error: Error) =>
        error.message === `random: the seed must be a whole number from 0 to 4294967295, got ${seed}`,
    )
})

test.run()
