import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Tensor } from '../../engine/tensor.ts'
import { Engine, type EngineOptions } from '../../engine/wasm/engine.ts'
import { kernelModules } from '../../engine/wasm/module.ts'
import { platform as nodePlatform } from '../../engine/wasm/platform/platform-node.ts'
import { anySeed, holds, randomTensor } from '../helpers/random.ts'
import { preActivations, type Layer } from '../helpers/screening.ts'

const test = suite('the order of an encoder’s sums')

const start = (options: EngineOptions) => new Engine(nodePlatform, kernelModules, options)
const wide = nodePlatform.pairs() ? [true] : []
/** By their arithmetic: within it, neither threads nor the width of vectors change a bit. */
const modes = [true, false].map((fused) =>
  [false, ...wide].flatMap((paired) => [1, 3].map((threads) => start({ fused, paired, threads }))),
)
test.after(() => {
  for (const engine of modes.flat()) engine.dispose()
})

const anyRows = fc.integer({ min: 1, max: 9 })
/** Beyond a block of a lane's numbers, too. */
const anyInputs = fc.constantFrom(1, 7, 8, 15, 16, 17, 131, 768, 1024, 1025, 2100)
const anyOutputs = fc.oneof(fc.integer({ min: 1, max: 20 }), fc.constantFrom(49, 97))

function randomLayer(inputs: number, outputs: number, seed: number): Layer {
  return { weight: randomTensor([inputs, outputs], seed), bias: randomTensor([outputs], seed + 1) }
}

for (const engines of modes)
  test(`a row alone has the bits that it has among others, on any engine (${engines[0].mode} ...)`, async () => {
    await holds(
      [anyRows, anyInputs, anyOutputs, anySeed],
      async (rows, inputs, outputs, seed) => {
        const layer = randomLayer(inputs, outputs, seed)
        const x = randomTensor([rows, inputs], seed + 2)
        const [all, ...others] = await Promise.all(engines.map((engine) => preActivations(engine, layer, x)))
        for (const other of others) assert.equal(other.data, all.data)
        const alone = await preActivations(engines[0], layer, x.rows(rows - 1, rows))
        assert.equal(alone.data, all.row(rows - 1))
      },
      15,
    )
  })

test('eight partial sums, each over every eighth number in order, in blocks of 128, added in a fixed tree', async () => {
  const [inputs, outputs] = [1100, 5]
  const layer = randomLayer(inputs, outputs, 1)
  const x = randomTensor([1, inputs], 2)
  const { fround } = Math
  const lane = (j: number, l: number) => {
    const blocks = [0, 1024].map((from) => {
      let sum = 0
      for (let k = from + l; k < Math.min(inputs, from + 1024); k += 8)
        sum = fround(sum + fround(x.data[k] * layer.weight.row(k)[j]))
      return sum
    })
    return fround(blocks[0] + blocks[1])
  }
  const expected = Array.from({ length: outputs }, (_, j) => {
    const [a, b, c, d] = [0, 1, 2, 3].map((l) => fround(lane(j, l) + lane(j, l + 4)))
    return fround(fround(fround(a + c) + fround(b + d)) + layer.bias.data[j])
  })
  for (const engine of modes[1])
    assert.equal((await preActivations(engine, layer, x)).data, Float32Array.from(expected))
})

test('the error against float64 stays below what so few roundings in a row can make', async () => {
  const [rows, inputs, outputs] = [4, 768, 100]
  const layer = randomLayer(inputs, outputs, 3)
  const x = randomTensor([rows, inputs], 4)
  const roundings = inputs / 8 + 4 + 1 // a lane's products, their tree, the bias; products not fused have one more
  for (const engine of modes.flat()) {
    const got = await preActivations(engine, layer, x)
    for (let r = 0; r < rows; r++)
      for (let j = 0; j < outputs; j++) {
        let [exact, sizes] = [layer.bias.data[j], Math.abs(layer.bias.data[j])]
        for (let k = 0; k < inputs; k++) {
          const product = x.row(r)[k] * layer.weight.row(k)[j]
          exact += product
          sizes += Math.abs(product)
        }
        const limit = roundings * 2 ** -24 * sizes * 1.001
        assert.ok(Math.abs(got.row(r)[j] - exact) <= limit)
      }
  }
})

test('no outputs, no rows', async () => {
  const none = await preActivations(
    modes[0][0],
    randomLayer(3, 2, 1),
    new Tensor([0, 3], new Float32Array(0)),
  )
  assert.equal(none.shape, [0, 2])
})

test.run()
