import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Activation } from '../../engine/backend.ts'
import type { Selection } from '../../engine/selection.ts'
import { positiveEntries, toDense, type SparseRows } from '../../engine/sparse.ts'
import { Tensor, type Shape } from '../../engine/tensor.ts'
import { columnsOf, sourceOf } from '../../engine/weights/weights.ts'
import { startBackends } from '../helpers/backends.ts'
import { checkOp, checkSameBits, checkSameNumbers } from '../helpers/compare.ts'
import { hostOps, type HostLinear } from '../helpers/host-ops.ts'
import * as naive from '../helpers/naive.ts'
import { anyRows, anySeed, anyWidth, holds, randomTensor } from '../helpers/random.ts'

/** W, and W turned round with the same numbers: what a layer stored [in, out] and one stored [out, in] hold. */
function bothLayouts(inputs: number, outputs: number, seed: number): HostLinear[] {
  const weight = randomTensor([inputs, outputs], seed)
  const bias = randomTensor([outputs], seed + 1)
  return [
    { weight, bias },
    { weight: transpose(weight), bias, transposed: true },
  ]
}

function transpose({ shape: [rows, width], data }: Tensor): Tensor {
  const turned = Tensor.zeros([width, rows])
  for (let i = 0; i < data.length; i++) turned.data[(i % width) * rows + Math.floor(i / width)] = data[i]
  return turned
}

/** Sparse rows of random positive numbers, about one in `oneIn`. */
function randomSparse(shape: Shape, seed: number, oneIn: number): SparseRows {
  const chance = randomTensor(shape, seed + 1).data
  const values = randomTensor(shape, seed, 1, 1.5).data
  return positiveEntries(
    new Tensor(
      shape,
      values.map((value, i) => (Math.abs(chance[i]) * oneIn < 1 ? value : 0)),
    ),
  )
}

const activations = ['none', 'gelu', 'geluErf', 'relu'] as const satisfies Activation[]
const anyActivation = fc.constantFrom(...activations)

for (const ops of await startBackends()) {
  const test = suite(`ops, linear and sparse: ${ops.name}`)
  const host = hostOps(ops)
  test.after(() => ops.dispose())

  test('linear: x W + b, every activation, with and without bias and residual, W stored either way', async () => {
    const cases = [anyRows, anyWidth, anyWidth, anySeed, anyActivation] as const
    await holds([...cases], async (rows, inputs, outputs, seed, activation) => {
      const x = randomTensor([rows, inputs], seed)
      const residual = randomTensor([rows, outputs], seed + 3)
      for (const layer of bothLayouts(inputs, outputs, seed + 1))
        for (const options of [{}, { activation }, { activation, residual }])
          await checkOp(ops, (host) => host.linear(x, layer, options), naive.naiveLinear(x, layer, options))
      const withoutBias = { weight: randomTensor([inputs, outputs], seed) }
      await checkOp(ops, (host) => host.linear(x, withoutBias), naive.naiveLinear(x, withoutBias))
    })
  })

  for (const [rows, inputs, outputs] of [
    [1, 3072, 37],
    [19, 3072, 5],
    [7, 768, 100],
    [130, 257, 9],
    [2, 1, 1500],
    [3, 255, 256],
    [5, 256, 255],
  ])
    test(`linear: [${rows}, ${inputs}] x [${inputs}, ${outputs}]`, async () => {
      const x = randomTensor([rows, inputs], 1)
      for (const layer of bothLayouts(inputs, outputs, 2))
        await checkOp(ops, (host) => host.linear(x, layer), naive.naiveLinear(x, layer))
    })

  test('linear: a matrix without rows, and one that sums over nothing', async () => {
    const layer = { weight: Tensor.zeros([0, 5]), bias: randomTensor([5], 1) }
    await checkOp(ops, (host) => host.linear(Tensor.zeros([3, 0]), layer), {
      ...naive.exactly([3, 5], [...layer.bias.data, ...layer.bias.data, ...layer.bias.data]),
    })
    const [plain] = bothLayouts(9, 4, 1)
    checkSameBits(await host.linear(Tensor.zeros([0, 9]), plain), Tensor.zeros([0, 4]))
  })

  test('linear: activation and residual fused have the bits of separate ops', async () => {
    await holds([anyRows, anyWidth, anyWidth, anySeed], async (rows, inputs, outputs, seed) => {
      const x = randomTensor([rows, inputs], seed, 3)
      const residual = randomTensor([rows, outputs], seed + 3)
      for (const layer of bothLayouts(inputs, outputs, seed + 1)) {
        const sums = await host.linear(x, layer)
        const bent: Record<Activation, Tensor> = {
          none: sums,
          gelu: await host.gelu(sums),
          geluErf: await host.geluErf(sums),
          relu: await host.relu(sums),
        }
        for (const activation of activations) {
          checkSameBits(await host.linear(x, layer, { activation }), bent[activation], activation)
          const added = await host.add(bent[activation], residual)
          checkSameBits(
            await host.linear(x, layer, { activation, residual }),
            added,
            `${activation} + residual`,
          )
        }
      }
    })
  })

  test('linear: a row alone has the bits that it has in a batch', async () => {
    await holds([anyRows, anyWidth, anyWidth, anySeed], async (rows, inputs, outputs, seed) => {
      const x = randomTensor([rows, inputs], seed)
      for (const layer of bothLayouts(inputs, outputs, seed)) {
        const all = await host.linear(x, layer, { activation: 'gelu' })
        for (let r = 0; r < rows; r++)
          checkSameBits(
            await host.linear(x.rows(r, r + 1), layer, { activation: 'gelu' }),
            all.rows(r, r + 1),
          )
      }
    })
    const x = randomTensor([70, 600], 1)
    const [layer] = bothLayouts(600, 130, 2)
    const all = await host.linear(x, layer)
    for (const [from, to] of [
      [0, 1],
      [3, 5],
      [6, 70],
      [69, 70],
    ])
      checkSameBits(await host.linear(x.rows(from, to), layer), all.rows(from, to), `rows ${from}..${to}`)
  })

  test('linear: some columns of a layer alone have the bits that they have in the whole', async () => {
    const x = randomTensor([5, 300], 1)
    const [layer] = bothLayouts(300, 100, 2)
    const all = await host.linear(x, layer)
    for (const [from, to] of [
      [0, 33],
      [33, 66],
      [66, 100],
      [7, 8],
    ]) {
      const [weight, bias] = [layer.weight, layer.bias!].map((whole) => columnsOf('part', whole, from, to))
      const part = await ops.prepareLinear(weight, bias)
      const found = await ops.scope(async (ops) => ops.linear(ops.upload(x), part))
      const columns = Array.from({ length: 5 }, (_, r) => [...all.row(r).slice(from, to)])
      checkSameBits(
        await ops.download(found),
        Tensor.of([5, to - from], columns.flat()),
        `columns ${from}..${to}`,
      )
      ops.release(found)
      ops.release(part)
    }
  })

  test('linear: NaN and infinity go through as in the specification', async () => {
    const anySpecial = fc.constantFrom(NaN, Infinity, -Infinity)
    const cases = [anyWidth, anyWidth, anySeed, fc.nat(), anySpecial, anyActivation] as const
    await holds([...cases], async (inputs, outputs, seed, at, special, activation) => {
      const x = randomTensor([3, inputs], seed)
      const layer = bothLayouts(inputs, outputs, seed)[at % 2]
      const options = { activation }
      x.row(1)[at % inputs] = special
      await checkOp(ops, (host) => host.linear(x, layer, options), naive.naiveLinear(x, layer, options))
      x.row(1)[0] = 0
      layer.weight.data[at % layer.weight.data.length] = special // infinity times 0 is NaN
      await checkOp(ops, (host) => host.linear(x, layer, options), naive.naiveLinear(x, layer, options))
    })
  })

  test('preActivations: the product and the bias', async () => {
    await holds([anyRows, anyWidth, anyWidth, anySeed], async (rows, inputs, outputs, seed) => {
      const x = randomTensor([rows, inputs], seed)
      const [layer] = bothLayouts(inputs, outputs, seed + 1)
      await checkOp(ops, (host) => host.preActivations(x, layer), naive.naiveLinear(x, layer))
    })
  })

  test('sparseEncode: what its selection keeps of preActivations, bit for bit', async () => {
    const cases = [anyRows, anyWidth, anyWidth, anySeed, fc.nat()] as const
    await holds([...cases], async (rows, inputs, outputs, seed, at) => {
      const x = randomTensor([rows, inputs], seed)
      const [layer] = bothLayouts(inputs, outputs, seed + 1)
      const dense = await host.preActivations(x, layer)
      checkSameSparse(await host.sparseEncode(x, layer), positiveEntries(dense))
      const threshold = randomTensor([outputs], seed + 2, 0.5, 0.2) // some are below zero
      const above: Selection = { keep: 'above', threshold: sourceOf('threshold', threshold) }
      checkSameSparse(
        await host.sparseEncode(x, { ...layer, selection: above }),
        naive.entriesAbove(dense, threshold),
      )
      if (outputs === 0) return
      const k = 1 + (at % outputs)
      checkSameSparse(
        await host.sparseEncode(x, { ...layer, selection: { keep: 'largest', k } }),
        naive.largestEntries(dense, k),
      )
    })
  })

  test('sparseEncode: what just reaches its threshold goes, ties go to the lower index, zeros are not kept', async () => {
    const levels = [2, -1, 3, 0, 3, 1, 2, 3, -0, 2, 1e-40, 3] // 13 outputs of each: whole vectors and a tail
    const row = new Tensor(
      [1, levels.length * 13],
      Float32Array.from({ length: levels.length * 13 }, (_, j) => levels[j % levels.length]),
    )
    const layer = { weight: row } // x [1] times it: the numbers themselves
    const x = Tensor.of([1, 1], [1])
    const at = (level: number) => Array.from(row.data.keys()).filter((j) => row.data[j] === level)
    const indicesOf = async (selection: Selection) => [
      ...(await host.sparseEncode(x, { ...layer, selection })).indices,
    ]
    const threshold = sourceOf(
      'threshold',
      new Tensor([row.data.length], new Float32Array(row.data.length).fill(2)),
    )
    assert.equal(await indicesOf({ keep: 'above', threshold }), at(3))
    const twos = at(2).slice(0, 5)
    assert.equal(
      await indicesOf({ keep: 'largest', k: at(3).length + 5 }),
      [...at(3), ...twos].sort((a, b) => a - b),
    )
    assert.equal(await indicesOf({ keep: 'largest', k: 2 }), at(3).slice(0, 2))
    const positive = [...row.data.keys()].filter((j) => row.data[j] > 0)
    assert.equal(await indicesOf({ keep: 'largest', k: row.data.length }), positive)
  })

  test('sparseEncode: an SAE of 24,576 features, 32 of them kept', async () => {
    const x = randomTensor([3, 8], 1)
    const layer = { weight: randomTensor([8, 24_576], 2), bias: randomTensor([24_576], 3) }
    const dense = await host.preActivations(x, layer)
    checkSameSparse(
      await host.sparseEncode(x, { ...layer, selection: { keep: 'largest', k: 32 } }),
      naive.largestEntries(dense, 32),
    )
  })

  test('sparseEncode: an SAE’s shape, few features active, some tokens with none', async () => {
    const x = randomTensor([7, 256], 1)
    const weight = randomTensor([256, 1001], 2, 0.08)
    for (const mean of [-1.5, -2.5, -50]) {
      const layer = { weight, bias: randomTensor([1001], 3, 0.5, mean) }
      const found = await host.sparseEncode(x, layer)
      const dense = await host.preActivations(x, layer)
      assert.ok(found.values.length < dense.data.length / 10)
      checkSameSparse(found, positiveEntries(dense))
      const expected = naive.naiveLinear(x, layer, { activation: 'relu' })
      await checkOp(ops, async (host) => toDense(await host.sparseEncode(x, layer)), expected)
    }
  })

  test('sparseEncode keeps NaN and infinity', async () => {
    const x = randomTensor([3, 20], 1)
    x.row(1)[7] = NaN
    x.row(2)[0] = Infinity
    const [layer] = bothLayouts(20, 50, 2)
    const found = await host.sparseEncode(x, layer)
    const dense = await host.preActivations(x, layer)
    checkSameSparse(found, positiveEntries(dense))
    assert.is(found.offsets[2] - found.offsets[1], 50)
    const threshold = Tensor.zeros([50])
    const above = { keep: 'above', threshold: sourceOf('threshold', threshold) } as const
    checkSameSparse(
      await host.sparseEncode(x, { ...layer, selection: above }),
      naive.entriesAbove(dense, threshold),
    )
    for (const k of [1, 7, 49])
      checkSameSparse(
        await host.sparseEncode(x, { ...layer, selection: { keep: 'largest', k } }),
        naive.largestEntries(dense, k),
      )
    const weight = Tensor.of([1, 5], [Infinity, NaN, Infinity, NaN, 1]) // NaN is as high as infinity, and no higher
    for (const k of [1, 2, 3]) {
      const largest = { weight, selection: { keep: 'largest', k } } as const
      assert.equal(
        [...(await host.sparseEncode(Tensor.of([1, 1], [1]), largest)).indices],
        [0, 1, 2].slice(0, k),
      )
    }
  })

  test('sparseDecode: the dense product, for rows without entries too', async () => {
    const anyOneIn = fc.constantFrom(1, 4, 1000)
    const cases = [anyRows, anyWidth, anyWidth, anySeed, anyOneIn] as const
    await holds([...cases], async (rows, features, width, seed, oneIn) => {
      const x = randomSparse([rows, features], seed, oneIn)
      const [table, bias] = [randomTensor([features, width], seed + 2), randomTensor([width], seed + 3)]
      const expected = naive.naiveSparseDecode(x, table, bias)
      await checkOp(ops, (host) => host.sparseDecode(x, table, bias), expected)
    })
    const x = randomSparse([4, 3072], 1, 8)
    const [table, bias] = [randomTensor([3072, 70], 2), randomTensor([70], 3)]
    await checkOp(ops, (host) => host.sparseDecode(x, table, bias), naive.naiveSparseDecode(x, table, bias))
  })

  if (ops.name === 'reference')
    test('the specification sums in float64', async () => {
      const layer = { weight: Tensor.of([3, 1], [1, 1, 1]) }
      assert.is((await host.linear(Tensor.of([1, 3], [1e8, 1, -1e8]), layer)).data[0], 1)
      const sparse = positiveEntries(Tensor.of([1, 3], [1e8, 1, 1e8]))
      const table = Tensor.of([3, 1], [1, 1, -1])
      assert.is((await host.sparseDecode(sparse, table, Tensor.zeros([1]))).data[0], 1)
      assert.is((await host.meanRows(Tensor.of([3, 1], [1e8, 1, -1e8]), [3])).data[0], Math.fround(1 / 3))
      const found = await host.attentionMix(
        Tensor.of([1, 1, 3], [1, 1, 1]),
        Tensor.of([3, 1], [1e8, 1, -1e8]),
        1,
        [{ queries: 1, keys: 3 }],
      )
      assert.is(found.data[0], 1)
    })

  test.run()
}

function checkSameSparse(got: SparseRows, expected: SparseRows): void {
  assert.equal(got.shape, expected.shape)
  checkSameNumbers(got.offsets, expected.offsets, 'offsets')
  checkSameNumbers(got.indices, expected.indices, 'indices')
  checkSameNumbers(got.values, expected.values, 'values')
}
