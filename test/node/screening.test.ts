import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createBackend } from '../../engine/backends.ts'
import type { Selection } from '../../engine/selection.ts'
import type { SparseRows } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { Engine, type EngineOptions } from '../../engine/wasm/engine.ts'
import { kernelModules } from '../../engine/wasm/module.ts'
import { MAX_LARGE_DIMENSIONS } from '../../engine/wasm/screen/layout.ts'
import { platform as nodePlatform } from '../../engine/wasm/platform/platform-node.ts'
import { sourceOf } from '../../engine/weights/weights.ts'
import { describeMode } from '../../experiments/lab/models/provenance.ts'
import { anySeed, holds, randomNumbers, randomTensor } from '../helpers/random.ts'
import { checkExact, checkSame, encodeBothWays, preActivations, type Layer } from '../helpers/screening.ts'

const test = suite('exact screening')

const wide = nodePlatform.pairs()
  ? [{ int8: 'pairs' as const }, { int8: 'dot' as const }, { fused: false }]
  : []
const variants: EngineOptions[] = [
  { paired: false },
  { paired: false, int8: 'dot' },
  { paired: false, int8: 'pairs' },
  { paired: false, int8: 'widened', fused: false },
  ...wide,
]
const single = variants.map((options) => new Engine(nodePlatform, kernelModules, { ...options, threads: 1 }))
const threaded = [2, 3].map((threads) => new Engine(nodePlatform, kernelModules, { threads, paired: false }))
test.after(() => {
  for (const engine of [...single, ...threaded]) engine.dispose()
})

/** The next float32 above x. */
function above(x: number): number {
  if (x === 0) return 2 ** -149
  const [word] = new Uint32Array(Float32Array.of(x).buffer)
  return new Float32Array(Uint32Array.of(x > 0 ? word + 1 : word - 1).buffer)[0]
}

/** Ways to spoil a row of x, or a column of W: what float32 and 7 bits find hard. */
const rowKinds: Record<string, (row: Float32Array, next: () => number) => void> = {
  usual: () => {},
  zero: (row) => row.fill(0),
  constant: (row) => row.fill(0.7),
  'one number': (row) => row.fill(0).fill(-3, 0, 1),
  'huge outliers': (row, next) => row.forEach((_, k) => (row[k] *= next() > 0.8 ? 3000 : 1)),
  'large, all': (row) => row.forEach((_, k) => (row[k] *= 1e15)),
  'beyond the bound': (row) => row.forEach((_, k) => (row[k] *= 1e30)),
  subnormal: (row) => row.forEach((_, k) => (row[k] *= 1e-40)),
  'some subnormal': (row, next) => row.forEach((_, k) => (row[k] *= next() > 0 ? 1e-40 : 1)),
  'far apart': (row) => row.forEach((_, k) => (row[k] *= 2 ** -(k % 40))),
  NaN: (row) => row.fill(NaN, 0, 1),
  infinity: (row) => row.fill(-Infinity, row.length - 1),
}
const columnKinds: Record<string, (column: Float32Array, next: () => number) => void> = {
  ...rowKinds,
  tiny: (column) => column.forEach((_, k) => (column[k] *= 1e-20)),
}

function spoil(tensor: Tensor, kinds: readonly string[], table: typeof rowKinds, seed: number): void {
  const next = randomNumbers(seed)
  for (let r = 0; r < tensor.shape[0]; r++) table[kinds[r % kinds.length]](tensor.row(r), next)
}

function turned({ shape: [rows, width], data }: Tensor): Tensor {
  return Tensor.of(
    [width, rows],
    data.map((_, i) => data[(i % rows) * width + Math.floor(i / rows)]),
  )
}

const anyInputs = fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(1, 127, 128, 131, 257))
const anyOutputs = fc.oneof(fc.integer({ min: 1, max: 70 }), fc.constantFrom(1, 97, 128, 251, 900))
const anyRows = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.constantFrom(127, 131, 257))
const anyKinds = (table: object) =>
  fc.array(fc.constantFrom(...Object.keys(table)), { minLength: 1, maxLength: 9 })

for (const engine of [...single, ...threaded])
  test(`random and adversarial rows and columns: the dense kernel's bits (${engine.mode})`, async () => {
    await holds(
      [
        anyRows,
        anyInputs,
        anyOutputs,
        anyKinds(rowKinds),
        anyKinds(columnKinds),
        fc.constantFrom(0, -1, 1, -50),
        anySeed,
      ],
      async (rows, inputs, outputs, ofRows, ofColumns, mean, seed) => {
        const x = randomTensor([rows, inputs], seed, 2)
        spoil(x, ofRows, rowKinds, seed + 1)
        const columns = randomTensor([outputs, inputs], seed + 2)
        spoil(columns, ofColumns, columnKinds, seed + 3)
        const bias = randomTensor([outputs], seed + 4, 1, mean)
        await checkExact(engine, { weight: turned(columns), bias }, x)
      },
      25,
    )
  })

/** Thresholds near what outputs are, and what no output, or every one, is above. */
const anyThreshold = fc.oneof(
  fc.double({ min: -2, max: 20, noNaN: true }),
  fc.constantFrom(0, -0, 1e-40, Infinity, -Infinity, NaN),
)
const anySelection = (outputs: number): fc.Arbitrary<Selection> =>
  fc.oneof(
    fc.array(anyThreshold, { minLength: outputs, maxLength: outputs }).map((thresholds) => ({
      keep: 'above' as const,
      threshold: sourceOf('threshold', Tensor.of([outputs], thresholds)),
    })),
    fc
      .oneof(fc.integer({ min: 1, max: outputs }), fc.constantFrom(1, outputs))
      .map((k) => ({ keep: 'largest' as const, k })),
  )

for (const engine of [...single, ...threaded])
  test(`thresholds and the k largest: the dense kernel's bits (${engine.mode})`, async () => {
    await holds(
      [
        anyOutputs.chain((outputs) => fc.tuple(fc.constant(outputs), anySelection(outputs))),
        fc.tuple(anyRows, anyInputs, anySeed),
        anyKinds(rowKinds),
        anyKinds(columnKinds),
        fc.constantFrom(0, -1, 100),
        fc.boolean(),
      ],
      async ([outputs, selection], [rows, inputs, seed], ofRows, ofColumns, mean, whole) => {
        const [x, columns] = [
          randomTensor([rows, inputs], seed, 2),
          randomTensor([outputs, inputs], seed + 2),
        ]
        const bias = randomTensor([outputs], seed + 4, 1, mean)
        // whole numbers make ties
        if (whole)
          for (const { data } of [x, columns, bias]) data.forEach((v, i) => (data[i] = Math.round(v)))
        else {
          spoil(x, ofRows, rowKinds, seed + 1)
          spoil(columns, ofColumns, columnKinds, seed + 3)
        }
        await checkExact(engine, { weight: turned(columns), bias, selection }, x)
      },
      25,
    )
  })

/** Rows for which the bound is nothing but float32's roundings: about 20 numbers of like size, all of which stay float32. */
function fewNumbers(inputs: number, seed: number): Tensor {
  const x = randomTensor([3, inputs], seed)
  x.data.forEach((value, i) => {
    x.data[i] = i % Math.ceil(inputs / 20) === 0 ? Math.sign(value) * (2 - Math.abs(value) / 4) : 0
  })
  return x
}

test('pre-activations of exactly 0, and one step of float32 to each side', async () => {
  for (const engine of [...single, ...threaded])
    for (const [x, outputs] of [
      [randomTensor([3, 13], 1, 2), 37],
      [randomTensor([3, 768], 2, 2), 600],
      [fewNumbers(768, 3), 600],
    ] as const) {
      const [rows, inputs] = x.shape
      const weight = randomTensor([inputs, outputs], inputs)
      const sums = await preActivations(engine, { weight, bias: Tensor.zeros([outputs]) }, x)
      for (let row = 0; row < rows; row++) {
        // float32 subtracts neighbours exactly: sum + bias is 0, or one step of float32 to either side of it
        const steps = [(b: number) => b, above, (b: number) => -above(-b)]
        const bias = Tensor.of(
          [outputs],
          sums.row(row).map((sum, j) => steps[j % 3](-sum)),
        )
        const { screened, counts } = await checkExact(engine, { weight, bias }, x.rows(row, row + 1))
        assert.is(counts.denseRows, 0)
        const expected = Array.from({ length: outputs }, (_, j) => j).filter((j) => j % 3 === 1)
        assert.equal(Array.from(screened.indices), expected)
      }
    }
})

test('pre-activations of exactly their threshold, and one step to each side, beside biases of any size', async () => {
  const outputs = 600
  // single products are less than half a step of a large bias, their sum is more: only its share of roundings covers that
  const [x, weight] = [fewNumbers(768, 3).rows(0, 1), randomTensor([768, outputs], 2)]
  for (const engine of [...single, ...threaded])
    for (const size of [0, 1, 1e3, 1e8, 1e9]) {
      const bias = randomTensor([outputs], 3, size / 2, size)
      const [values] = [(await preActivations(engine, { weight, bias }, x)).row(0)]
      const steps = [(v: number) => v, above, (v: number) => -above(-v)]
      const thresholds = Array.from(values, (value, j) => steps[j % 3](value))
      const threshold = sourceOf('threshold', Tensor.of([outputs], thresholds))
      const selection = { keep: 'above', threshold } as const
      const { screened, counts } = await checkExact(engine, { weight, bias, selection }, x)
      assert.is(counts.denseRows, 0)
      const kept = Array.from(values.keys()).filter((j) => j % 3 === 2 && values[j] > 0)
      assert.equal(
        Array.from(screened.indices).filter((j) => values[j] > 1e-3),
        kept.filter((j) => values[j] > 1e-3),
      )
    }
})

test('NaN is kept, however high its threshold', async () => {
  const weight = randomTensor([16, 20], 1)
  weight.data[3] = NaN
  const threshold = sourceOf('threshold', Tensor.of([20], new Array<number>(20).fill(Infinity)))
  const layer = { weight, bias: Tensor.zeros([20]), selection: { keep: 'above', threshold } } as const
  for (const engine of single) {
    const { screened, counts } = await checkExact(engine, layer, randomTensor([2, 16], 2))
    assert.equal([...screened.indices, counts.denseRows], [3, 3, 0])
  }
})

test('sums that cancel, so that only the order of roundings makes them positive', async () => {
  const [rows, inputs, outputs] = [3, 768, 200]
  const x = fewNumbers(inputs, 5)
  const weight = randomTensor([inputs, outputs], 6)
  const half = inputs / 2
  for (let r = 0; r < rows; r++) x.row(r).copyWithin(half, 0, half)
  for (let k = 0; k < half; k++) weight.row(half + k).set(weight.row(k).map((value) => -value))
  for (const engine of [...single, ...threaded]) {
    const { dense, counts } = await checkExact(engine, { weight, bias: Tensor.zeros([outputs]) }, x)
    assert.is(counts.denseRows, 0)
    assert.ok(dense.values.length > 0)
    assert.ok(dense.values.every((value) => value < 1e-5))
  }
})

test('products that underflow are computed densely: no bound covers what they lose or gain', async () => {
  const [inputs, outputs] = [512, 16]
  const step = 2 ** -149 // float32's smallest
  for (const [inRow, inColumn] of [
    [-74, -75],
    [-106, -43], // the row alone is too small to be screened
    [-43, -106], // the columns alone
  ]) {
    // 0.6 steps become a whole one: 512 in all instead of 307, and a bias between the two
    const x = new Tensor([2, inputs], new Float32Array(2 * inputs).fill(0.6 * 2 ** inRow))
    const weight = new Tensor([inputs, outputs], new Float32Array(inputs * outputs).fill(2 ** inColumn))
    const bias = new Tensor([outputs], new Float32Array(outputs).fill(-400 * step))
    for (const engine of single) {
      const { dense } = await checkExact(engine, { weight, bias }, x)
      assert.is(dense.values.length, 2 * outputs)
    }
  }
})

/**
 * A column that is almost as far from its 8-bit numbers as the bound allows, in the direction of the row, and a row that is
 * so far from its digits in the direction of the column; pre-activations just above zero.
 */
function almostTight(): { x: Tensor; layer: Layer; name: string }[] {
  const fill = (inputs: number, number: (k: number) => number) =>
    Float32Array.from({ length: inputs }, (_, k) => number(k))
  // half of the numbers, of both signs, so that 16-bit sums allow all of 127
  const w = (k: number) => (k % 8 >= 4 ? 0 : k % 16 < 8 ? 1 : -1)
  const x = (part: number) => (k: number) => (k % 16 === 4 ? 63 : k % 16 === 5 ? 30 : w(k) * part)
  const cases = {
    'd_j along x': { x: fill(4000, () => 1), w: fill(4000, (k) => (k % 10 === 0 ? 127 : 0.499)) },
    'r along w_j': { x: fill(400, x(0.499)), w: fill(400, w) },
  }
  return Object.entries(cases).map(([name, { x, w }]) => {
    const exact = x.reduce((sum, value, k) => sum + value * w[k], 0)
    return {
      name,
      x: new Tensor([1, x.length], x),
      layer: { weight: new Tensor([x.length, 1], w), bias: Tensor.of([1], [-exact * (1 - 1e-5)]) },
    }
  })
}

test('the bound is needed: half of it loses outputs that are positive', async () => {
  for (const engine of single)
    for (const { x, layer, name } of almostTight()) {
      const { dense } = await checkExact(engine, layer, x)
      assert.is(dense.values.length, 1, name)
      const { screened } = await encodeBothWays(engine, layer, x, { boundFactor: 0.5 })
      assert.is(screened.values.length, 0, name)
    }
})

test('16-bit sums of the largest rows with the largest columns do not overflow', async () => {
  const [inputs, outputs] = [64, 16]
  // every digit is 63 or -63; columns are constant, or a few large numbers among small ones, of either sign
  const x = new Tensor([2, inputs], new Float32Array(2 * inputs).fill(1).fill(-1, inputs))
  const weight = Tensor.zeros([inputs, outputs])
  for (let k = 0; k < inputs; k++)
    weight.row(k).forEach((_, j, row) => {
      row[j] = (j % 2 === 0 ? 1 : -1) * (j < 8 || (k >> 2) % (j - 6) === 0 ? 1 : 1e-3)
    })
  const sums = Array.from({ length: outputs }, (_, j) =>
    Array.from({ length: inputs }, (_, k) => weight.row(k)[j]).reduce((a, b) => a + b),
  )
  for (const engine of [...single, ...threaded])
    for (const [share, active] of [
      [0.98, outputs], // each output is a little above zero for one of the rows
      [1.2, 0], // all are far enough below it to be ruled out: a sum that overflowed would be far above
    ]) {
      const bias = Tensor.of(
        [outputs],
        sums.map((sum) => -share * Math.abs(sum)),
      )
      const { dense, counts } = await checkExact(engine, { weight, bias }, x)
      assert.is(dense.values.length, active)
      assert.is(counts.candidates, active)
    }
})

test('more different large numbers than there is room for: rows with one of the others go dense', async () => {
  const [rows, inputs, outputs, outliers] = [40, 4096, 33, 16]
  const x = randomTensor([rows, inputs], 1)
  // every row's are others: 640 in all
  for (let r = 0; r < rows; r++) x.row(r).fill(1000, r * outliers, (r + 1) * outliers)
  const layer = {
    weight: randomTensor([inputs, outputs], 2),
    bias: new Tensor([outputs], new Float32Array(outputs)),
  }
  for (const engine of [single[0], ...threaded]) {
    const { counts } = await checkExact(engine, layer, x)
    assert.is(counts.rows, MAX_LARGE_DIMENSIONS / outliers)
    assert.is(counts.denseRows, rows - MAX_LARGE_DIMENSIONS / outliers)
  }
})

/** Standard normal numbers (Box and Muller 1958). */
function normalTensor(shape: readonly [number, number], seed: number, scale: number): Tensor {
  const next = randomNumbers(seed)
  const tensor = Tensor.zeros(shape)
  for (let i = 0; i < tensor.data.length; i++)
    tensor.data[i] = scale * Math.sqrt(-2 * Math.log(1 - Math.abs(next()))) * Math.cos(Math.PI * next())
  return tensor
}

test('768 -> 24,576 with a hundred active: few candidates, nothing dense, on any number of threads', async () => {
  const [rows, inputs, outputs] = [8, 768, 24576]
  const weight = normalTensor([inputs, outputs], 1, 1 / Math.sqrt(inputs))
  const layer = { weight, bias: new Tensor([outputs], new Float32Array(outputs).fill(-2.65)) }
  const x = normalTensor([rows, inputs], 2, 1)
  const outlying = new Tensor(x.shape, x.data.slice())
  for (let r = 0; r < rows; r++) for (const k of [7, 138, 447]) outlying.row(r)[k] *= 15
  let expected: SparseRows | undefined
  for (const engine of [single[0], ...threaded]) {
    const usual = await checkExact(engine, layer, x, {})
    checkSame(usual.screened, (expected ??= usual.screened))
    assert.is(usual.counts.denseRows, 0)
    assert.is(usual.counts.rows, rows)
    assert.ok(usual.counts.candidates < 0.03 * usual.counts.outputs)
    const { counts } = await checkExact(engine, layer, outlying, {})
    assert.is(counts.denseRows, 0)
    assert.ok(counts.candidates < 0.1 * counts.outputs)
  }
})

test('the 32 largest of 24,576: few candidates, nothing dense, on any number of threads', async () => {
  const [rows, inputs, outputs] = [8, 768, 24576]
  const weight = normalTensor([inputs, outputs], 1, 1 / Math.sqrt(inputs))
  const layer = { weight, bias: Tensor.zeros([outputs]), selection: { keep: 'largest', k: 32 } } as const
  const x = normalTensor([rows, inputs], 2, 1)
  for (const engine of [single[0], ...threaded]) {
    const { counts, screened } = await checkExact(engine, layer, x, {})
    assert.equal([counts.denseRows, screened.values.length], [0, rows * 32])
    assert.ok(counts.candidates < 0.05 * counts.outputs)
  }
})

test('k largest: rows with too few outputs above what was guessed go dense; one with fewer than k above 0 need not', async () => {
  const [inputs, outputs, k] = [64, 4096, 8]
  const layer = {
    weight: Tensor.zeros([inputs, outputs]),
    bias: new Tensor([outputs], new Float32Array(outputs).fill(1)),
    selection: { keep: 'largest', k },
  } as const
  // row 0: what the sample sees is larger than all that it does not; row 1: 5 outputs are above 0; row 2: all are equal
  for (let j = 0; j < outputs; j++) {
    layer.weight.data[j] = j % 256 < 4 ? 5 + j / outputs : 0
    layer.weight.data[outputs + j] = j % 1000 === 7 ? 1 : -10
  }
  const x = Tensor.zeros([3, inputs])
  x.row(0)[0] = x.row(1)[1] = 1
  for (const engine of [...single, ...threaded]) {
    const { counts, dense } = await checkExact(engine, layer, x, { denseShare: 1 })
    assert.equal(Array.from(dense.offsets), [0, 8, 13, 21])
    assert.equal(Array.from(dense.indices.subarray(13)), [0, 1, 2, 3, 4, 5, 6, 7])
    assert.equal([counts.rows, counts.denseRows], [1, 2])
  }
})

test('rows whose candidates are many, and only those, go dense and are counted', async () => {
  const [inputs, outputs] = [64, 512]
  const layer = {
    weight: randomTensor([inputs, outputs], 1),
    // the first columns are positive for every row: those that go dense have entries before they are given up, too
    bias: new Tensor([outputs], new Float32Array(outputs).fill(-20).fill(50, 0, 8)),
  }
  const x = randomTensor([5, inputs], 2)
  x.row(1).forEach((_, k, row) => (row[k] *= 1000))
  x.row(3).fill(NaN, 0, 1)
  for (const engine of single) {
    const { counts, dense } = await checkExact(engine, layer, x, {})
    assert.ok(dense.offsets[1] >= 8)
    assert.is(counts.denseRows, 2)
    assert.is(counts.rows, 3)
    assert.is(counts.outputs, 3 * outputs)
    assert.is(counts.active, dense.values.length)
  }
})

test('on a backend: screened where it is worth it or asked for, counted and described', async () => {
  for (const [inputs, outputs, worthIt] of [
    [32, 64, false], // 9 rows of it are too few
    [512, 2048, true],
  ] as const) {
    const weight = randomTensor([inputs, outputs], 1)
    const bias = new Tensor([outputs], new Float32Array(outputs).fill(-0.3 * inputs))
    const encoded: SparseRows[] = []
    for (const sparseEncoder of [undefined, 'screened', 'dense'] as const) {
      const ops = await createBackend('wasm', { threads: 1, sparseEncoder })
      assert.is(describeMode(ops), ops.mode)
      assert.is(ops.screening?.rows, sparseEncoder === 'dense' ? undefined : 0)
      const encoder = await ops.prepareEncoder(sourceOf('weight', weight), sourceOf('bias', bias))
      const features = await ops.sparseEncode(ops.upload(randomTensor([9, inputs], 3, 2)), encoder)
      encoded.push(features)
      const isScreened = sparseEncoder === 'screened' || (worthIt && !sparseEncoder)
      if (ops.screening) {
        const { rows, denseRows, smallRows, active } = ops.screening
        assert.equal([rows + denseRows, smallRows], isScreened ? [9, 0] : [0, 9])
        if (isScreened) assert.is(active, features.values.length)
        assert.match(
          describeMode(ops),
          isScreened
            ? /; encoder screened 9 tokens, [\d.]+ % of their features computed, 0 encoded densely,/
            : /; encoder dense for 9 tokens: too little work to be worth screening$/,
        )
      }
      await ops.dispose()
    }
    for (const other of encoded.slice(1)) checkSame(other, encoded[0])
  }
})

test.run()
