import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { gradientCases, sizes } from '../helpers/gradient-cases.ts'
import { checkAgainstReference, checkByNudging } from '../helpers/gradients.ts'
import { reference } from '../helpers/backends.ts'
import { createBackend } from '../../engine/backends.ts'
import { sparseEncodeWeightsBackward } from '../../engine/reference/sparse-encode-backward.ts'
import { positiveEntries } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { anySeed, holds } from '../helpers/random.ts'

// Every op's rule: the reference's loops in float64 against nudging each number, and every backend against those.

const nudged = suite('gradients: the reference in float64 against nudging')
for (const [name, make] of Object.entries(gradientCases))
  nudged(name, () =>
    holds(
      [sizes(6), sizes(9), sizes(5), anySeed],
      (rows, width, other, seed) => checkByNudging(make(rows, width, other), seed),
      12,
    ),
  )
nudged('an encoder without a bias has a gradient of its weights alone', () => {
  const dW = Tensor.zeros([2, 2])
  const features = positiveEntries(Tensor.of([1, 2], [0, 1]))
  sparseEncodeWeightsBackward(Float32Array.of(2), features, Tensor.of([1, 2], [3, 4]), dW)
  assert.equal(dW.data, Float32Array.of(0, 6, 0, 8))
})
nudged.run()

const wasm = await createBackend('wasm')
const gpujs = await createBackend('gpujs:cpu')
for (const [ops, limit] of [
  [reference, 1e-5],
  [wasm, 1e-4],
  [gpujs, 1e-4],
] as const) {
  const test = suite(`gradients: ${ops.name} against the reference in float64`)
  test.after(() => ops.dispose())
  for (const [name, make] of Object.entries(gradientCases))
    test(name, () =>
      holds(
        [sizes(40), sizes(70), sizes(40), anySeed],
        (rows, width, other, seed) => checkAgainstReference(ops, make(rows, width, other), seed, limit),
        12,
      ),
    )
  test.run()
}
