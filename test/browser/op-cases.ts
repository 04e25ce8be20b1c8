import fc from 'fast-check'
import type { Activation, Backend, TextSpan } from '../../engine/backend.ts'
import type { Selection } from '../../engine/selection.ts'
import { positiveEntries, toDense } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { sourceOf } from '../../engine/weights/weights.ts'
import { checkOp, checkSameBits, type Expected } from '../helpers/compare.ts'
import type { HostOps } from '../helpers/host-ops.ts'
import { hostOps } from '../helpers/host-ops.ts'
import * as naive from '../helpers/naive.ts'
import { anyRows, anySeed, anyWidth, holds, randomTensor } from '../helpers/random.ts'

/*
 * Every op against the reference on finite numbers over random shapes. GPUs owe less than IEEE: exp and division may be
 * off by some units in the last place (WGSL: 3 + 2 |x| and 2.5), so the float32 bounds are widened where those enter.
 */

/** Fewer than in Node: each new shape may be a shader to compile. */
const RUNS = 10

async function close(
  ops: Backend,
  slack: number,
  call: (host: HostOps) => Promise<Tensor>,
  expected: Expected,
) {
  await checkOp(ops, call, { ...expected, roundings: expected.roundings * slack })
}

const anyActivation = fc.constantFrom<Activation>('none', 'gelu', 'geluErf', 'relu')
const anyTexts = fc.array(
  fc
    .record({ queries: fc.nat(9), past: fc.constantFrom(0, 0, 1, 15) })
    .map(({ queries, past }): TextSpan => ({ queries, keys: past + queries })),
  { minLength: 1, maxLength: 3 },
)

export const opCases: Readonly<Record<string, (ops: Backend) => Promise<void>>> = {
  'ops that are started together do not get in each other’s way': async (ops) => {
    const sizes = Array.from({ length: 8 }, (_, i) => [i + 1, 3 * i + 1])
    const xs = sizes.map((shape, i) => randomTensor(shape, i, 3))
    const run = async (x: Tensor) => hostOps(ops).meanRows(x, [x.shape[0]]) // first of all cases: not compiled yet
    const together = await Promise.all(xs.map(run))
    for (const [i, x] of xs.entries()) checkSameBits(together[i], await run(x), `${i}, started with others`)
  },

  embed: (ops) =>
    holds(
      [anyRows, anyWidth, anySeed],
      async (rows, width, seed) => {
        const table = randomTensor([rows, width], seed)
        const ids = Array.from({ length: rows }, (_, i) => (i * 7) % rows)
        const expected = naive.exactly(
          [rows, width],
          ids.flatMap((id) => Array.from(table.row(id))),
        )
        await close(ops, 1, (host) => host.embedFromTable(table, ids), expected)
        const layer = { weight: table, transposed: true }
        await close(ops, 1, (host) => host.embedFromLinear(layer, ids), expected)
      },
      RUNS,
    ),

  layerNorm: (ops) =>
    holds(
      [anyRows, anyWidth, anySeed],
      async (rows, width, seed) => {
        const x = randomTensor([rows, width], seed, 2, 1)
        const [weight, bias] = [randomTensor([width], seed + 1, 1, 1), randomTensor([width], seed + 2)]
        const expected = naive.naiveLayerNorm(x, weight, bias, 1e-5)
        await close(ops, 2, (host) => host.layerNorm(x, weight, bias, 1e-5), expected)
      },
      RUNS,
    ),

  linear: async (ops) => {
    await holds(
      [anyRows, anyWidth, anyWidth, anySeed, anyActivation],
      async (rows, inputs, outputs, seed, activation) => {
        const x = randomTensor([rows, inputs], seed)
        const layer = {
          weight: randomTensor([inputs, outputs], seed + 1),
          bias: randomTensor([outputs], seed + 2),
        }
        const options = { activation, residual: randomTensor([rows, outputs], seed + 3) }
        const expected = naive.naiveLinear(x, layer, options)
        await close(ops, 2, (host) => host.linear(x, layer, options), expected)
      },
      RUNS,
    )
    for (const outputs of [37, 64]) {
      const x = randomTensor([3, 3072], 1)
      const layer = { weight: randomTensor([3072, outputs], 2) }
      await close(ops, 1, (host) => host.linear(x, layer), naive.naiveLinear(x, layer))
    }
  },

  attention: (ops) =>
    holds(
      [anyTexts, fc.constantFrom(1, 3, 4), fc.constantFrom(1, 5, 16, 64), anySeed],
      async (texts, heads, dHead, seed) => {
        const size = (of: 'queries' | 'keys') => texts.reduce((sum, text) => sum + text[of], 0)
        const q = randomTensor([size('queries'), heads * dHead], seed, 2)
        const k = randomTensor([size('keys'), heads * dHead], seed + 1, 2)
        const v = randomTensor([size('keys'), heads * dHead], seed + 2)
        const pattern = naive.naivePattern(q, k, heads, texts)
        await close(ops, 2, (host) => host.attentionPattern(q, k, heads, texts), pattern)
        const whole = naive.naiveAttention(q, k, v, heads, texts)
        await close(ops, 2, (host) => host.attention(q, k, v, heads, texts), whole)
        const given = await hostOps(ops).attentionPattern(q, k, heads, texts)
        const mixed = naive.naiveMix(given, v, heads, texts)
        await close(ops, 1, (host) => host.attentionMix(given, v, heads, texts), mixed)
      },
      RUNS,
    ),

  append: async (ops) => {
    const x = randomTensor([7, 12], 1)
    const cache = ops.createCache(7, 12)
    let rows = 0
    for (const count of [3, 1, 0, 1, 2]) {
      const all = await ops.scope(async (ops) => ops.append(cache, ops.upload(x.rows(rows, rows + count))))
      rows += count
      const got = await ops.download(all)
      if (got.data.join() !== x.rows(0, rows).data.join()) throw new Error(`a cache of ${rows} rows differs`)
      ops.release(all)
    }
    ops.release(cache)
  },

  'add and subtract': (ops) =>
    holds(
      [anyRows, anyWidth, anySeed],
      async (rows, width, seed) => {
        const a = randomTensor([rows, width], seed)
        for (const b of [randomTensor([rows, width], seed + 1), randomTensor([width], seed + 2)]) {
          await close(ops, 1, (host) => host.add(a, b), naive.naiveSum(a, b, 1))
          await close(ops, 1, (host) => host.subtract(a, b), naive.naiveSum(a, b, -1))
        }
      },
      RUNS,
    ),

  gelu: async (ops) => {
    const sweep = Float32Array.from({ length: 4001 }, (_, i) => (i - 2000) / 150)
    for (const x of [Tensor.of([1, 4001], sweep), Tensor.of([1, 5], [0, 1e-30, -1e-30, 50, -50])])
      await close(ops, 4, (host) => host.gelu(x), naive.naiveGelu(x))
  },

  'geluErf and relu': async (ops) => {
    const sweep = Float32Array.from({ length: 4001 }, (_, i) => (i - 2000) / 150)
    for (const x of [Tensor.of([1, 4001], sweep), Tensor.of([1, 5], [0, 1e-30, -1e-30, 50, -50])]) {
      await close(ops, 4, (host) => host.geluErf(x), naive.naiveGeluErf(x))
      await close(ops, 1, (host) => host.relu(x), naive.naiveRelu(x))
    }
  },

  center: (ops) =>
    holds(
      [anyRows, anyWidth, anySeed],
      async (rows, width, seed) => {
        const x = randomTensor([rows, width], seed, 3, 7)
        await close(ops, 2, (host) => host.center(x), naive.naiveCenter(x))
      },
      RUNS,
    ),

  softmax: (ops) =>
    holds(
      [anyRows, anyWidth, anySeed, fc.constantFrom(1e-3, 1, 30)],
      async (rows, width, seed, scale) => {
        const x = randomTensor([rows, width], seed, scale)
        await close(ops, 2, (host) => host.softmax(x), naive.naiveSoftmax(x))
      },
      RUNS,
    ),

  crossEntropy: (ops) =>
    holds(
      [anyRows, anyWidth, anySeed, fc.constantFrom(1e-3, 1, 30)],
      async (rows, width, seed, scale) => {
        const x = randomTensor([rows, width], seed, scale)
        const targets = Array.from({ length: rows }, (_, r) => (seed + 7 * r) % width)
        await close(ops, 2, (host) => host.crossEntropy(x, targets), naive.naiveCrossEntropy(x, targets))
      },
      RUNS,
    ),

  klDivergence: (ops) =>
    holds(
      [anyRows, anyWidth, anySeed, fc.constantFrom(1e-3, 1, 30)],
      async (rows, width, seed, scale) => {
        const [a, b] = [
          randomTensor([rows, width], seed, scale),
          randomTensor([rows, width], seed + 1, scale),
        ]
        await close(ops, 2, (host) => host.klDivergence(a, b), naive.naiveKlDivergence(a, b))
      },
      RUNS,
    ),

  takeRows: (ops) =>
    holds(
      [anyRows, anyWidth, anySeed],
      async (rows, width, seed) => {
        const x = randomTensor([rows, width], seed)
        const indices = Array.from({ length: rows }, (_, i) => rows - 1 - i)
        const values = indices.flatMap((index) => Array.from(x.row(index)))
        await close(ops, 1, (host) => host.takeRows(x, indices), naive.exactly([rows, width], values))
      },
      RUNS,
    ),

  meanRows: (ops) =>
    holds(
      [fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 5 }), anyWidth, anySeed],
      async (lengths, width, seed) => {
        const x = randomTensor([lengths.reduce((sum, length) => sum + length, 0), width], seed)
        await close(ops, 2, (host) => host.meanRows(x, lengths), naive.naiveMeanRows(x, lengths))
      },
      RUNS,
    ),

  topK: async (ops) => {
    const x = new Tensor([3, 500], randomTensor([3, 500], 1, 9).data.map(Math.round)) // many ties
    for (const [r, { indices, values }] of (await hostOps(ops).topK(x, 12)).entries()) {
      const row = x.row(r)
      const order = Array.from(row.keys()).sort((a, b) => row[b] - row[a] || a - b)
      const expected = order.slice(0, 12)
      if (expected.join() !== Array.from(indices).join())
        throw new Error(`row ${r}: ${indices.join()}, expected ${expected.join()}`)
      if (expected.some((index, rank) => values[rank] !== row[index]))
        throw new Error(`row ${r}: other values`)
    }
  },

  sparseEncode: async (ops) => {
    const x = randomTensor([9, 768], 1)
    for (const outputs of [300, 301]) {
      const weight = randomTensor([768, outputs], 2, 0.05)
      const layer = { weight, bias: randomTensor([outputs], 3, 0.5, -1) }
      const expected = naive.naiveLinear(x, layer, { activation: 'relu' })
      await close(ops, 1, async (host) => toDense(await host.sparseEncode(x, layer)), expected)
      await close(ops, 1, (host) => host.preActivations(x, layer), naive.naiveLinear(x, layer))
      const dense = await hostOps(ops).preActivations(x, layer)
      const threshold = randomTensor([outputs], 4, 0.5, 0.5)
      const kept = async (selection: Selection) =>
        toDense(await hostOps(ops).sparseEncode(x, { ...layer, selection }))
      checkSameBits(
        await kept({ keep: 'above', threshold: sourceOf('threshold', threshold) }),
        toDense(naive.entriesAbove(dense, threshold)),
      )
      checkSameBits(await kept({ keep: 'largest', k: 5 }), toDense(naive.largestEntries(dense, 5)))
    }
  },

  sparseDecode: (ops) =>
    holds(
      [anyRows, anyWidth, anyWidth, anySeed],
      async (rows, features, width, seed) => {
        const dense = randomTensor([rows, features], seed)
        const x = positiveEntries(
          new Tensor(
            dense.shape,
            dense.data.map((value) => value - 0.5),
          ),
        )
        const [table, bias] = [randomTensor([features, width], seed + 2), randomTensor([width], seed + 3)]
        const expected = naive.naiveSparseDecode(x, table, bias)
        await close(ops, 1, (host) => host.sparseDecode(x, table, bias), expected)
      },
      RUNS,
    ),

  scaleEntries: async (ops) => {
    const x = positiveEntries(randomTensor([5, 30], 1))
    const scaled = await ops.scaleEntries(x, (row, index) => (row + index) % 3)
    const dense = toDense(x)
    const expected = dense.data.map((value, i) => value * ((Math.floor(i / 30) + (i % 30)) % 3))
    checkSameBits(toDense(scaled), new Tensor(dense.shape, expected))
  },

  'a reshaped tensor keeps its numbers in their order': async (ops) => {
    const x = randomTensor([4, 6], 1)
    await ops.scope(async (ops) => {
      const doubled = await ops.add(ops.upload(x), ops.upload(x)) // now on the GPU
      const cube = ops.reshape(doubled, [2, 3, 4])
      const bent = await ops.download(await ops.subtract(cube, ops.reshape(ops.upload(x), [2, 3, 4])))
      if (bent.shape.join() !== '2,3,4' || bent.data.join() !== x.data.join())
        throw new Error('numbers moved')
    })
  },

  'matrices wider and higher than a texture': async (ops) => {
    const x = randomTensor([3, 8], 1)
    for (const outputs of [20_001, 40_000]) {
      const layer = { weight: randomTensor([8, outputs], 2), bias: randomTensor([outputs], 3) }
      const expected = naive.naiveLinear(x, layer, { activation: 'gelu' })
      await close(ops, 2, (host) => host.linear(x, layer, { activation: 'gelu' }), expected)
      // What comes after is as right as what came before.
      const small = randomTensor([30, 40], 4)
      await close(ops, 1, (host) => host.add(small, small), naive.naiveSum(small, small, 1))
    }
    const table = randomTensor([20_001, 3], 5)
    const ids = [0, 20_000, 9_999]
    const rows = ids.flatMap((id) => Array.from(table.row(id)))
    await close(ops, 1, (host) => host.embedFromTable(table, ids), naive.exactly([3, 3], rows))
  },
}
