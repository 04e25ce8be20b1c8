import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Backend, DeviceTensor } from '../../engine/backend.ts'
import { createBackend } from '../../engine/backends.ts'
import { rulesOf, type WeightGradient } from '../../engine/backward.ts'
import { createRandom } from '../../engine/random.ts'
import { Tensor } from '../../engine/tensor.ts'
import { AdamW, clipScale, gradientLength, type Parameter } from '../../engine/train/optimizer.ts'
import { rateAt, shuffled } from '../../engine/train/schedule.ts'
import { sourceOf } from '../../engine/weights/weights.ts'
import { reference } from '../helpers/backends.ts'
import { checkSameNumbers, messageOf } from '../helpers/compare.ts'
import { checkNear, turned } from '../helpers/gradients.ts'
import { anySeed, anyWidth, holds, randomTensor } from '../helpers/random.ts'

/** AdamW as PyTorch documents it, a number at a time. */
function naiveAdamW(
  w: number[],
  gradients: readonly Float32Array[],
  settings: Record<string, number>,
): number[] {
  const { rate, beta1, beta2, eps, weightDecay, scale } = settings
  const [m, v] = [w.map(() => 0), w.map(() => 0)]
  return gradients.reduce<number[]>((w, gradient, step) => {
    return w.map((before, i) => {
      const g = gradient[i] * scale
      m[i] = beta1 * m[i] + (1 - beta1) * g
      v[i] = beta2 * v[i] + (1 - beta2) * g * g
      const mean = m[i] / (1 - beta1 ** (step + 1))
      const square = v[i] / (1 - beta2 ** (step + 1))
      return before * (1 - rate * weightDecay) - (rate * mean) / (Math.sqrt(square) + eps)
    })
  }, w)
}

const settings = { beta1: 0.8, beta2: 0.95, eps: 1e-6, weightDecay: 0.1 }
const [rate, scale] = [0.02, 0.5]

const screened = await createBackend('wasm', { sparseEncoder: 'screened' })
for (const [name, ops] of [
  ['reference', reference],
  ['wasm, screened', screened],
  ['gpujs:cpu', await createBackend('gpujs:cpu')],
] as const) {
  const test = suite(`optimizer: ${name}`)
  test.after(() => ops.dispose())

  test('AdamW moves weights of every kind in place, three steps, any odd width', () =>
    holds(
      [anyWidth, anyWidth, anySeed],
      async (inputs, outputs, seed) => {
        const [matrix, row] = [randomTensor([inputs, outputs], seed), randomTensor([outputs], seed + 1)]
        const [weight, bias] = [sourceOf('weight', matrix), sourceOf('bias', row)]
        const stored = sourceOf('weight', turned(matrix))
        const tensor = ops.upload(Tensor.of(row.shape, row.data)) // a copy: it is moved in place
        const kinds: [Parameter, Tensor, Tensor | undefined][] = [
          [await ops.prepareLinear(weight, bias), matrix, row],
          [await ops.prepareLinear(stored, bias, { transposed: true }), matrix, row],
          [await ops.prepareLinear(weight), matrix, undefined],
          [await ops.prepareTable(weight), matrix, undefined],
          [await ops.prepareNorm(bias, bias), row, row],
          [tensor, row, undefined],
        ]
        const adam = new AdamW(
          ops,
          kinds.map(([parameter]) => parameter),
          settings,
        )
        const slopes = [3, 4, 5].map((step) => [matrix, row].map((x) => randomTensor(x.shape, seed + step)))
        for (const [dMatrix, dRow] of slopes) {
          const of = (x: Tensor) => ops.upload(x.shape.length === 2 ? dMatrix : dRow)
          const gradients = new Map<Parameter, WeightGradient>(
            kinds.map(([parameter, w, b]) => [parameter, { weight: of(w), bias: b && of(b) }]),
          )
          await adam.step((parameter) => gradients.get(parameter)!, { rate, scale })
          for (const { weight, bias } of gradients.values())
            for (const x of bias ? [weight, bias] : [weight]) ops.release(x)
        }
        assert.is(adam.steps, 3)
        const expected = [matrix, row].map((x, i) =>
          naiveAdamW(
            [...x.data],
            slopes.map((step) => step[i].data),
            { ...settings, rate, scale },
          ),
        )
        for (const [parameter, w, b] of kinds) {
          const moved =
            'shape' in parameter
              ? { weight: await ops.download(parameter) }
              : await rulesOf(ops).readWeights(parameter)
          checkNear(moved.weight.data, expected[w === matrix ? 0 : 1], 1e-6, 'weight')
          const bias = 'bias' in moved ? moved.bias : undefined
          assert.is(bias === undefined, b === undefined)
          if (bias) checkNear(bias.data, expected[1], 1e-6, 'bias')
          ops.release(parameter)
        }
        adam.release()
      },
      15,
    ))

  const trainsSaes = !name.startsWith('gpujs')
  /** What only an SAE's training asks for. */
  const ofSaes = (title: string, work: () => Promise<void>) => void (trainsSaes && test(title, work))

  ofSaes('weights that were moved are what the next pass computes with, screened or not', async () => {
    const [weight, bias, x] = [randomTensor([40, 300], 1), randomTensor([300], 2), randomTensor([9, 40], 3)]
    const encoder = await ops.prepareEncoder(sourceOf('weight', weight), sourceOf('bias', bias))
    const encode = () => ops.sparseEncode(given, encoder)
    const given: DeviceTensor = ops.upload(x)
    const before = await encode()
    const turnedOver = await ops.prepareTable(sourceOf('weight', turned(weight)))
    const [biases, scale] = [
      ops.upload(randomTensor([300], 5)),
      Float64Array.from(bias.data, (value) => 2 + value),
    ]
    const adam = new AdamW(ops, [turnedOver])
    const slopes = { weight: ops.upload(randomTensor([300, 40], 4)) }
    await adam.step(() => slopes, { rate: 0.1 })
    const moved = turned((await rulesOf(ops).readWeights(turnedOver)).weight)
    await rulesOf(ops).writeEncoder(encoder, turnedOver, biases)
    checkSameNumbers((await rulesOf(ops).readWeights(encoder)).weight.data, moved.data, 'as the table')
    await rulesOf(ops).writeEncoder(encoder, turnedOver, biases, scale)
    const after = await encode()
    const read = await rulesOf(ops).readWeights(encoder)
    const fresh = await ops.prepareEncoder(sourceOf('weight', read.weight), sourceOf('bias', read.bias!))
    const expected = await ops.sparseEncode(given, fresh)
    checkSameNumbers(after.values, expected.values)
    checkNear(
      read.weight.data,
      moved.data.map((value, i) => value * scale[i % 300]),
      1e-6,
      'scaled weights',
    )
    checkNear(
      read.bias!.data,
      bias.data.map((_, j) => scale[j] * randomTensor([300], 5).data[j]),
      1e-6,
      'scaled biases',
    )
    assert.is.not(before.values.join(), after.values.join())
  })

  ofSaes('the lengths of rows and their rule, any odd shape', () =>
    holds(
      [anyWidth, anyWidth, anySeed],
      async (rows, width, seed) => {
        const weight = randomTensor([rows, width], seed)
        const table = await ops.prepareTable(sourceOf('weight', weight))
        const norm = (row: number) => Math.hypot(...weight.row(row))
        const lengths = await rulesOf(ops).rowLengths(table)
        const expected = Float64Array.from({ length: rows }, (_, row) => norm(row))
        checkNear(lengths, expected, 1e-6, 'lengths')
        const before = randomTensor([rows, width], seed + 1)
        const gradient = { weight: ops.upload(Tensor.of(before.shape, before.data)) }
        const dY = Float64Array.from({ length: rows }, (_, row) => (row % 3 === 0 ? 0 : row - 2.5))
        await rulesOf(ops).rowLengthsWeights(dY, table, gradient)
        const added = before.data.map((value, i) => {
          const row = Math.floor(i / width)
          return dY[row] === 0 ? value : value + (dY[row] * weight.data[i]) / norm(row)
        })
        checkNear((await ops.download(gradient.weight)).data, added, 1e-6, 'gradient')
        ops.release(table)
      },
      20,
    ),
  )

  ofSaes('a tensor is overwritten in place', async () => {
    const x = ops.upload(Tensor.of([3], [1, 2, 3]))
    rulesOf(ops).write(x, [4, 5, 6])
    assert.equal([...(await ops.download(x)).data], [4, 5, 6])
  })

  if (!trainsSaes)
    test('what only an SAE’s training asks for is refused by name', async () => {
      const table = await ops.prepareTable(sourceOf('weight', randomTensor([2, 3], 1)))
      const message = await messageOf(() => rulesOf(ops).rowLengths(table))
      assert.is(message, `rowLengths: ${name} does not train SAEs; take wasm or reference`)
    })

  test('the length of gradients, over pieces and beyond', async () => {
    for (const size of [1, 3, 16384, 16385, 40003]) {
      const x = randomTensor([size], size)
      const expected = Math.sqrt(x.data.reduce((sum, value) => sum + value * value, 9))
      const parts = { weight: ops.upload(x), bias: ops.upload(Tensor.of([1], [3])) }
      checkNear([await gradientLength(ops, [parts])], [expected], 1e-6, 'length')
    }
  })

  test.run()
}

const plain = suite('training: schedules, clipping, shuffles')

plain('a rate rises in a straight line, stays, and falls in a line or a cosine', () => {
  const rates = (shape: 'linear' | 'cosine') =>
    Array.from({ length: 10 }, (_, step) =>
      rateAt(step, { rate: 8, steps: 10, warmUp: 2, decay: 4, least: 0.5, shape }),
    )
  checkNear(rates('linear'), [4, 8, 8, 8, 8, 8, 8, 7, 6, 5], 1e-12, 'linear')
  checkNear(rates('cosine').slice(6), [8, 6 + 2 * Math.SQRT1_2, 6, 6 - 2 * Math.SQRT1_2], 1e-12, 'cosine')
  assert.is(rateAt(99, { rate: 3, steps: 10 }), 3)
})

plain('gradients are clipped to a length, and short ones left alone', () => {
  assert.is(clipScale(0.5, 1), 1)
  checkNear([clipScale(4, 1)], [0.25], 1e-6, 'scale')
})

plain('a shuffle holds every number once; the seed decides the order', () => {
  const order = (seed: number) => shuffled(100, createRandom(seed))
  assert.equal(
    [...order(1)].sort((a, b) => a - b),
    [...Array(100).keys()],
  )
  assert.equal(order(1), order(1))
  assert.is.not(order(1).join(), order(2).join())
  assert.equal(shuffled(0, createRandom(1)), new Uint32Array(0))
  const [orders, random] = [new Map<string, number>(), createRandom(3)]
  for (let i = 0; i < 12000; i++) {
    const order = shuffled(3, random).join()
    orders.set(order, (orders.get(order) ?? 0) + 1)
  }
  assert.is(orders.size, 6)
  for (const times of orders.values()) assert.ok(Math.abs(times - 2000) < 150, 'each order is as likely')
})

plain('a backend without rules has no optimiser', async () => {
  const { name, mode } = reference
  assert.is(
    await messageOf(() => new AdamW({ name, mode } as Backend, [])),
    'reference has no backward rules: take gradients on a backend that createBackend gives',
  )
})

plain.run()
