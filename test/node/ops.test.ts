import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { Tensor } from '../../engine/tensor.ts'
import { sourceOf } from '../../engine/weights/weights.ts'
import { startBackends } from '../helpers/backends.ts'
import { checkOp, checkSameBits, checkSameNumbers, type Expected } from '../helpers/compare.ts'
import { hostOps } from '../helpers/host-ops.ts'
import * as naive from '../helpers/naive.ts'
import { anyRows, anySeed, anyWidth, holds, randomTensor } from '../helpers/random.ts'

// Ops that go row by row; linear layers and attention have files of their own.

for (const ops of await startBackends()) {
  const test = suite(`ops: ${ops.name}`)
  const host = hostOps(ops)
  test.after(() => ops.dispose())

  /** Every row of a batch has the bits that it has alone. */
  const checkRowsAlone = async (x: Tensor, op: (x: Tensor) => Promise<Tensor>) => {
    const all = await op(x)
    for (let r = 0; r < x.shape[0]; r++)
      checkSameBits(await op(x.rows(r, r + 1)), all.rows(r, r + 1), `row ${r} alone`)
  }

  test('embed from a table, and from a linear layer stored either way', async () => {
    const cases = [anyRows, anyWidth, anySeed, fc.array(fc.nat(), { maxLength: 9 })] as const
    await holds([...cases], async (rows, width, seed, picks) => {
      const table = randomTensor([rows, width], seed)
      const ids = rows === 0 ? [] : picks.map((pick) => pick % rows)
      const values = ids.flatMap((id) => Array.from(table.row(id)))
      const expected = naive.exactly([ids.length, width], values)
      const columns = Array.from({ length: width }, (_, i) =>
        Array.from({ length: rows }, (_, r) => table.row(r)[i]),
      )
      const turned = Tensor.of([width, rows], columns.flat())
      await checkOp(ops, (host) => host.embedFromTable(table, ids), expected)
      await checkOp(ops, (host) => host.embedFromLinear({ weight: table, transposed: true }, ids), expected)
      await checkOp(ops, (host) => host.embedFromLinear({ weight: turned }, ids), expected)
    })
  })

  test('layerNorm', async () => {
    const anyOffset = fc.constantFrom(0, 1, -100)
    await holds([anyRows, anyWidth, anySeed, anyOffset], async (rows, width, seed, offset) => {
      const x = randomTensor([rows, width], seed, 2, offset)
      const [weight, bias] = [randomTensor([width], seed + 1, 1, 1), randomTensor([width], seed + 2)]
      const expected = naive.naiveLayerNorm(x, weight, bias, 1e-5)
      await checkOp(ops, (host) => host.layerNorm(x, weight, bias, 1e-5), expected)
      await checkRowsAlone(x, (x) => host.layerNorm(x, weight, bias, 1e-5))
    })
  })

  test('layerNorm: GPT-2’s width, a constant row, and eps inside the root', async () => {
    const [ones, zeros] = [Tensor.of([768], Array(768).fill(1) as number[]), Tensor.zeros([768])]
    for (const x of [
      randomTensor([3, 768], 1, 5, 1),
      Tensor.zeros([2, 768]),
      randomTensor([1, 768], 2, 1e-4),
    ])
      for (const eps of [1e-5, 0.5])
        await checkOp(
          ops,
          (host) => host.layerNorm(x, ones, zeros, eps),
          naive.naiveLayerNorm(x, ones, zeros, eps),
        )
  })

  test('layerNorm and center: a constant row gives nothing, a row far from zero what it holds', async () => {
    for (const [width, value] of [
      [768, 7.3],
      [3072, 0.1],
    ]) {
      const [ones, zeros] = [Tensor.of([width], Array(width).fill(1) as number[]), Tensor.zeros([width])]
      const constant = Tensor.of([2, width], Array(2 * width).fill(value) as number[])
      for (const { data } of [await host.center(constant), await host.layerNorm(constant, ones, zeros, 1e-5)])
        for (const number of data) assert.ok(Math.abs(number) < 1e-7, `${value} x ${width} gives ${number}`)
    }
    const [ones, zeros] = [Tensor.of([768], Array(768).fill(1) as number[]), Tensor.zeros([768])]
    for (const [offset, scale] of [
      [1000, 1],
      [1000, 0.01],
      [-1e4, 1],
    ]) {
      const far = randomTensor([1, 768], 1, scale, offset)
      const mean = far.data.reduce((sum, number) => sum + number, 0) / 768
      const centered = Array.from(far.data, (number) => number - mean)
      const deviation = Math.sqrt(centered.reduce((sum, number) => sum + number * number, 0) / 768 + 1e-5)
      const [got, normal] = [await host.center(far), await host.layerNorm(far, ones, zeros, 1e-5)]
      for (const [i, number] of centered.entries()) {
        assert.ok(Math.abs(normal.data[i] - number / deviation) < 2e-6, `${offset}: ${normal.data[i]}`)
        if (ops.name.startsWith('gpujs')) assert.ok(Math.abs(got.data[i] - number) < 1e-6 * scale)
      }
    }
  })

  test('layerNorm does not change when a row is shifted, or scaled where eps is small beside it', async () => {
    const [weight, bias] = [randomTensor([64], 1, 1, 1), randomTensor([64], 2)]
    const x = randomTensor([5, 64], 3, 8)
    const plain = await host.layerNorm(x, weight, bias, 1e-12)
    for (const change of [(value: number) => value + 16, (value: number) => value * 4]) {
      const changed = await host.layerNorm(new Tensor(x.shape, x.data.map(change)), weight, bias, 1e-12)
      for (const [i, value] of changed.data.entries()) assert.ok(Math.abs(value - plain.data[i]) < 2e-5)
    }
  })

  test('add and subtract, equal shapes and one row for all', async () => {
    await holds([anyRows, anyWidth, anySeed], async (rows, width, seed) => {
      const [a, same, row] = [[rows, width], [rows, width], [width]].map((shape, i) =>
        randomTensor(shape, seed + i),
      )
      for (const b of [same, row]) {
        await checkOp(ops, (host) => host.add(a, b), naive.naiveSum(a, b, 1))
        await checkOp(ops, (host) => host.subtract(a, b), naive.naiveSum(a, b, -1))
      }
    })
    const [a, b] = [randomTensor([2, 3, 5], 1), randomTensor([2, 3, 5], 2)]
    await checkOp(ops, (host) => host.add(a, b), naive.naiveSum(a, b, 1))
  })

  test('gelu, over its whole range', async () => {
    await holds([anyRows, anyWidth, anySeed], async (rows, width, seed) => {
      const x = randomTensor([rows, width], seed, 6)
      await checkOp(ops, (host) => host.gelu(x), naive.naiveGelu(x))
    })
    const sweep = Tensor.of(
      [1, 4001],
      Float32Array.from({ length: 4001 }, (_, i) => (i - 2000) / 150),
    )
    const huge = Tensor.of([1, 7], [0, 1e-30, -1e-30, 1e30, -1e30, 3e38, -3e38])
    for (const x of [sweep, huge]) await checkOp(ops, (host) => host.gelu(x), naive.naiveGelu(x))
  })

  test('geluErf and relu, over their whole range', async () => {
    const sweep = Tensor.of(
      [1, 4001],
      Float32Array.from({ length: 4001 }, (_, i) => (i - 2000) / 150),
    )
    const huge = Tensor.of([1, 9], [0, 1e-30, -1e-30, 40, -40, 1e30, -1e30, 3e38, -3e38])
    const check = async (x: Tensor) => {
      await checkOp(ops, (host) => host.geluErf(x), naive.naiveGeluErf(x))
      await checkOp(ops, (host) => host.relu(x), naive.naiveRelu(x))
    }
    for (const x of [sweep, huge]) await check(x)
    await holds([anyRows, anyWidth, anySeed], async (rows, width, seed) =>
      check(randomTensor([rows, width], seed, 6)),
    )
  })

  test('center', async () => {
    await holds([anyRows, anyWidth, anySeed], async (rows, width, seed) => {
      const x = randomTensor([rows, width], seed, 3, 7)
      await checkOp(ops, (host) => host.center(x), naive.naiveCenter(x))
      await checkRowsAlone(x, host.center)
    })
  })

  test('softmax', async () => {
    const anyScale = fc.constantFrom(1e-3, 1, 30, 1e4)
    await holds([anyRows, anyWidth, anySeed, anyScale], async (rows, width, seed, scale) => {
      const x = randomTensor([rows, width], seed, scale)
      await checkOp(ops, (host) => host.softmax(x), naive.naiveSoftmax(x))
      await checkRowsAlone(x, host.softmax)
    })
  })

  test('softmax: rows sum to 1, and adding a constant changes nothing', async () => {
    const x = randomTensor([4, 257], 1, 8)
    const plain = await host.softmax(x)
    const shifted = await host.softmax(
      new Tensor(
        x.shape,
        x.data.map((value) => value + 1024),
      ),
    )
    for (let r = 0; r < 4; r++) assert.ok(Math.abs(plain.row(r).reduce((sum, p) => sum + p, 0) - 1) < 1e-5)
    // 1024 + x keeps 13 bits behind the point: exponents move by up to 2^-14.
    for (const [i, p] of shifted.data.entries())
      assert.ok(Math.abs(p - plain.data[i]) <= 2e-4 * plain.data[i])
  })

  test('crossEntropy', async () => {
    const anyScale = fc.constantFrom(1e-3, 1, 30, 1e4)
    await holds([anyRows, anyWidth, anySeed, anyScale], async (rows, width, seed, scale) => {
      const x = randomTensor([rows, width], seed, scale)
      const targets = Array.from({ length: rows }, (_, r) => (seed + 7 * r) % width)
      await checkOp(ops, (host) => host.crossEntropy(x, targets), naive.naiveCrossEntropy(x, targets))
      const all = await host.crossEntropy(x, targets)
      for (const [r, target] of targets.entries())
        checkSameNumbers((await host.crossEntropy(x.rows(r, r + 1), [target])).data, [all.data[r]])
    })
  })

  test('klDivergence', async () => {
    const [anyScale, anyDistance] = [fc.constantFrom(1, 30, 1e4), fc.constantFrom(1e-3, 1, 20)]
    await holds(
      [anyRows, anyWidth, anySeed, anyScale, anyDistance],
      async (rows, width, seed, scale, distance) => {
        const a = randomTensor([rows, width], seed, scale)
        const change = randomTensor([rows, width], seed + 1, distance).data
        const b = new Tensor(
          a.shape,
          a.data.map((value, i) => value + change[i]),
        )
        await checkOp(ops, (host) => host.klDivergence(a, b), naive.naiveKlDivergence(a, b))
        const all = await host.klDivergence(a, b)
        assert.ok(all.data.every((value) => value >= 0))
        for (let r = 0; r < rows; r++)
          checkSameNumbers((await host.klDivergence(a.rows(r, r + 1), b.rows(r, r + 1))).data, [all.data[r]])
        assert.ok((await host.klDivergence(a, a)).data.every((value) => value < 1e-6 * scale))
      },
    )
  })

  test('crossEntropy and klDivergence over a vocabulary, by hand', async () => {
    const even = Tensor.zeros([2, 50257])
    const targets = [0, 50256]
    for (const value of (await host.crossEntropy(even, targets)).data)
      assert.ok(Math.abs(value - Math.log(50257)) < 1e-5)
    const sure = Tensor.zeros([2, 50257])
    for (const [r, target] of targets.entries()) sure.row(r)[target] = Math.log(50256) // half of all
    for (const value of (await host.crossEntropy(sure, targets)).data)
      assert.ok(Math.abs(value - Math.log(2)) < 1e-5)
    // p 1/2 and 50,256 times 1/(2 50,256); q all 1/50,257
    const expected = Math.log(50257 / 2) / 2 + Math.log(50257 / 2 / 50256) / 2
    for (const value of (await host.klDivergence(sure, even)).data)
      assert.ok(Math.abs(value - expected) < 1e-4, `${value}, expected ${expected}`)
  })

  test('takeRows, in any order and with repeats', async () => {
    await holds(
      [anyRows, anyWidth, anySeed, fc.array(fc.nat(), { maxLength: 9 })],
      async (rows, width, seed, picks) => {
        const x = randomTensor([rows, width], seed)
        const indices = rows === 0 ? [] : picks.map((pick) => pick % rows)
        const values = indices.flatMap((index) => Array.from(x.row(index)))
        await checkOp(
          ops,
          (host) => host.takeRows(x, indices),
          naive.exactly([indices.length, width], values),
        )
      },
    )
  })

  test('meanRows, texts of different lengths', async () => {
    const anyLengths = fc.array(fc.integer({ min: 1, max: 20 }), { maxLength: 5 })
    await holds([anyLengths, anyWidth, anySeed], async (lengths, width, seed) => {
      const rows = lengths.reduce((sum, length) => sum + length, 0)
      const x = randomTensor([rows, width], seed)
      await checkOp(ops, (host) => host.meanRows(x, lengths), naive.naiveMeanRows(x, lengths))
    })
  })

  test('topK: largest first, a tie goes to the lower index', async () => {
    await holds([anyRows, anyWidth, anySeed, fc.nat(70)], async (rows, width, seed, pick) => {
      // Few different values, so that there are many ties.
      const x = new Tensor([rows, width], randomTensor([rows, width], seed, 3).data.map(Math.round))
      const k = pick % (width + 1)
      const found = await host.topK(x, k)
      assert.is(found.length, rows)
      for (const [r, { indices, values }] of found.entries()) {
        const left = Array.from(x.row(r))
        assert.is(indices.length, k)
        assert.is(values.length, k)
        for (const [rank, index] of indices.entries()) {
          const best = left.indexOf(Math.max(...left)) // the first of the largest
          assert.equal([index, values[rank]], [best, x.row(r)[best]])
          left[best] = -Infinity
        }
      }
    })
  })

  test('topK over a vocabulary, with infinities', async () => {
    const x = randomTensor([2, 50257], 4)
    x.row(1)[50000] = Infinity
    x.row(1).fill(-Infinity, 0, 3)
    const beforeIt = new Tensor(x.shape, x.data.slice())
    beforeIt.row(1)[49999] = NaN
    assert.equal(
      (await host.topK(beforeIt, 1)).map(({ indices }) => indices[0]),
      [x.row(0).indexOf(Math.max(...x.row(0))), 49999],
    )
    for (const [r, { indices, values }] of (await host.topK(x, 10)).entries()) {
      const sorted = Array.from(x.row(r)).sort((a, b) => b - a)
      assert.equal(Array.from(values), sorted.slice(0, 10))
      for (const [rank, index] of indices.entries()) assert.is(x.row(r)[index], values[rank])
    }
  })

  test('NaN and infinity go through as in the specification', async () => {
    const specials = [NaN, Infinity, -Infinity]
    await holds(
      [anyWidth, anySeed, fc.nat(), fc.constantFrom(...specials)],
      async (width, seed, at, special) => {
        const x = randomTensor([3, width], seed, 2)
        x.row(1)[at % width] = special // rows 0 and 2 stay as they are
        const [weight, bias] = [randomTensor([width], seed + 1, 1, 1), randomTensor([width], seed + 2)]
        const calls: [(host: ReturnType<typeof hostOps>) => Promise<Tensor>, Expected][] = [
          [(host) => host.layerNorm(x, weight, bias, 1e-5), naive.naiveLayerNorm(x, weight, bias, 1e-5)],
          [(host) => host.add(x, weight), naive.naiveSum(x, weight, 1)],
          [(host) => host.subtract(x, x), naive.naiveSum(x, x, -1)],
          [(host) => host.gelu(x), naive.naiveGelu(x)],
          [(host) => host.geluErf(x), naive.naiveGeluErf(x)],
          [(host) => host.relu(x), naive.naiveRelu(x)],
          [(host) => host.center(x), naive.naiveCenter(x)],
          [(host) => host.softmax(x), naive.naiveSoftmax(x)],
          [(host) => host.meanRows(x, [1, 2]), naive.naiveMeanRows(x, [1, 2])],
          [(host) => host.crossEntropy(x, [0, 0, 0]), naive.naiveCrossEntropy(x, [0, 0, 0])],
          ...[x, randomTensor(x.shape, seed + 3)].flatMap((y): typeof calls => [
            [(host) => host.klDivergence(x, y), naive.naiveKlDivergence(x, y)],
            [(host) => host.klDivergence(y, x), naive.naiveKlDivergence(y, x)],
          ]),
        ]
        for (const [call, expected] of calls) await checkOp(ops, call, expected)
      },
    )
  })

  test('reshape keeps the numbers in their order', async () => {
    const x = randomTensor([4, 6], 1)
    const y = await ops.download(ops.reshape(ops.upload(x), [2, 3, 4]))
    checkSameBits(y, x.reshape([2, 3, 4]))
  })

  test('upload and download change no bit, also of a view', async () => {
    const x = randomTensor([9, 5], 1)
    x.row(4).set([NaN, -0, Infinity, 2 ** -149, 3.4e38])
    checkSameBits(await ops.download(ops.upload(x.rows(3, 8))), x.rows(3, 8))
  })

  test('a cache grows by the rows appended and gives all of them', async () => {
    const x = randomTensor([7, 12], 1)
    const cache = ops.createCache(7, 12)
    let rows = 0
    for (const count of [3, 1, 0, 1, 2]) {
      await ops.scope(async (ops) => {
        const all = await ops.append(cache, ops.upload(x.rows(rows, rows + count)))
        rows += count
        checkSameBits(await ops.download(all), x.rows(0, rows), `cache of ${rows} rows`)
      })
      assert.equal([cache.length, cache.capacity, cache.width], [rows, 7, 12])
    }
    ops.release(cache)
  })

  test('a scope keeps what it returns, also through scopes around it', async () => {
    const [a, b] = [randomTensor([3, 5], 1), randomTensor([3, 5], 2)]
    const [sum, difference] = await ops.scope(async (ops) => {
      const sum = await ops.scope(async (ops) => {
        await ops.gelu(ops.upload(b)) // freed with the scope
        return ops.add(ops.upload(a), ops.upload(b))
      })
      for (let i = 0; i < 20; i++) await ops.scope(async (ops) => void (await ops.gelu(sum)))
      return [sum, await ops.subtract(sum, ops.upload(b))]
    })
    const expected = naive.naiveSum(a, b, 1)
    checkSameBits(await ops.download(sum), Tensor.of([3, 5], expected.values))
    checkSameBits(await ops.download(difference), await host.subtract(await host.add(a, b), b))
    for (const kept of [sum, difference]) ops.release(kept)
    assert.is(await ops.scope(async () => {}), undefined)
  })

  test('a scope passes an error on', async () => {
    const failing = ops.scope(async () => {
      throw new Error('of the work')
    })
    assert.is(await failing.catch((error: Error) => error.message), 'of the work')
  })

  test('prepared weights are read whole, whatever the source gives at once', async () => {
    const weight = randomTensor([300, 70], 1)
    let numbers = 0
    const source = sourceOf('weight', weight)
    const counted = {
      ...source,
      read: async (into: Float32Array, start: number) => {
        numbers += into.length
        await source.read(into, start)
      },
    }
    const table = await ops.prepareTable(counted)
    assert.is(numbers, 300 * 70)
    const rows = await ops.embed(table, [299, 0])
    checkSameBits(await ops.download(rows), Tensor.of([2, 70], [...weight.row(299), ...weight.row(0)]))
    ops.release(table)
  })

  test.run()
}
