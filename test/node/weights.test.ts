import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { hashedSource, hashedStore } from '../../engine/weights/hashed.ts'
import { finiteSource, selectTensors } from '../../engine/weights/named-weights.ts'
import { Tensor, matrixShape, sizeOf, type Shape } from '../../engine/tensor.ts'
import {
  columnsOf,
  forEachRowBlock,
  readTensor,
  sourceOf,
  type WeightStore,
} from '../../engine/weights/weights.ts'
import { checkSameBits, checkSameNumbers, messageOf } from '../helpers/compare.ts'
import { anySeed, holds, randomTensor } from '../helpers/random.ts'

const test = suite('tensor and weights')

const counting = (shape: Shape) =>
  Tensor.of(
    shape,
    Float32Array.from({ length: sizeOf(shape) }, (_, i) => i),
  )

test('Tensor holds exactly its shape', async () => {
  const message = (shape: Shape, length: number) =>
    messageOf(() => new Tensor(shape, new Float32Array(length)))
  assert.is(await message([2, 3], 5), 'tensor: shape [2, 3] holds 6 numbers, got 5')
  assert.is(await message([], 2), 'tensor: shape [] holds 1 numbers, got 2')
  assert.is(await message([2, -1], 0), 'tensor: dimensions are whole numbers from 0, got [2, -1]')
  assert.is(await message([1.5], 1), 'tensor: dimensions are whole numbers from 0, got [1.5]')
  assert.is(await message([NaN], 0), 'tensor: dimensions are whole numbers from 0, got [NaN]')
  assert.is(new Tensor([], Float32Array.of(7)).data[0], 7)
  assert.is(Tensor.zeros([3, 0]).data.length, 0)
  assert.is(await messageOf(() => counting([2, 3]).reshape([7])), 'tensor: shape [7] holds 7 numbers, got 6')
})

test('rows of a tensor are views', async () => {
  const x = counting([3, 4])
  checkSameNumbers(x.row(1), [4, 5, 6, 7])
  x.rows(1, 3).data[0] = -1
  assert.is(x.data[4], -1)
  assert.equal(x.rows(3, 3).shape, [0, 4])
  assert.is(await messageOf(() => x.row(3)), 'row: 3 is not in 0..2')
  assert.is(await messageOf(() => x.row(-1)), 'row: -1 is not in 0..2')
  assert.is(await messageOf(() => x.rows(2, 4)), 'rows: 2..4 are not within 0..3')
  assert.is(await messageOf(() => x.rows(2, 1)), 'rows: 2..1 are not within 0..3')
  assert.is(await messageOf(() => counting([4]).row(0)), 'row: expected [rows, width], got [4]')
  assert.is(await messageOf(() => matrixShape('op', [1, 2, 3])), 'op: expected [rows, width], got [1, 2, 3]')
})

test('columnsOf: any part of the columns, read in pieces of any length', async () => {
  const cases = [fc.nat(6), fc.integer({ min: 1, max: 9 }), fc.nat(9), fc.nat(9), anySeed] as const
  await holds([...cases], async (rows, width, a, b, seed) => {
    const whole = randomTensor([rows, width], seed)
    const [from, to] = [Math.min(a, b, width), Math.min(Math.max(a, b), width)]
    const part = columnsOf('w', whole, from, to)
    assert.equal(part.shape, [rows, to - from])
    assert.is(part.name, `w[${from}:${to}]`)
    const expected = Array.from({ length: rows }, (_, r) => [...whole.row(r).slice(from, to)]).flat()
    checkSameNumbers((await readTensor(part)).data, expected)
    for (let start = 0; start <= expected.length; start++)
      for (let end = start; end <= expected.length; end++) {
        const piece = new Float32Array(end - start)
        await part.read(piece, start)
        checkSameNumbers(piece, expected.slice(start, end), `${start}..${end}`)
      }
  })
})

test('columnsOf: of a bias, and columns that are not there', async () => {
  const bias = counting([9])
  checkSameBits(await readTensor(columnsOf('bias', bias, 3, 6)), Tensor.of([3], [3, 4, 5]))
  for (const [from, to] of [
    [0, 10],
    [-1, 3],
    [4, 3],
  ])
    assert.is(
      await messageOf(() => columnsOf('bias', bias, from, to)),
      `bias: columns ${from}..${to} are not within [9]`,
    )
})

test('forEachRowBlock: every row once, in order, at most `limit` numbers at a time', async () => {
  await holds([fc.nat(12), fc.nat(7), fc.nat(40)], async (rows, width, limit) => {
    const source = sourceOf('w', counting([rows, width]))
    const seen: number[] = []
    let next = 0
    await forEachRowBlock(source, limit, (block, firstRow, rowCount) => {
      assert.is(firstRow, next)
      assert.is(block.length, rowCount * width)
      assert.ok(block.length <= Math.max(limit, width)) // a row wider than the limit comes alone
      next += rowCount
      seen.push(...block)
    })
    checkSameNumbers(seen, counting([rows, width]).data)
  })
})

test('forEachRowBlock: a vector is one row, a scalar too', async () => {
  for (const shape of [[5], []]) {
    const blocks: number[][] = []
    await forEachRowBlock(sourceOf('w', counting(shape)), 100, (block) => void blocks.push([...block]))
    assert.equal(blocks, [[...counting(shape).data]])
  }
})

test('forEachRowBlock: while a block is visited the next two are on their way, into other buffers', async () => {
  const log: string[] = []
  const source = {
    ...sourceOf('w', counting([5, 2])),
    async read(into: Float32Array, start: number) {
      log.push(`read ${start}`)
      into.fill(start)
    },
  }
  await forEachRowBlock(source, 2, (block) => void log.push(`visit ${block.join()}`))
  const rounds = [4, 6, 8].flatMap((next) => [`read ${next}`, `visit ${next - 4},${next - 4}`])
  assert.equal(log, ['read 0', 'read 2', ...rounds, 'visit 6,6', 'visit 8,8'])
})

test('forEachRowBlock: fails as the reading does, or the visit, and reads no further', async () => {
  let reads = 0
  const failing = (at: number) => ({
    ...sourceOf('w', counting([6, 2])),
    async read(_: Float32Array, start: number) {
      reads++
      if (start === at) throw new Error(`no row ${start / 2}`)
    },
  })
  assert.is(await messageOf(() => forEachRowBlock(failing(4), 2, () => {})), 'no row 2')
  assert.is(reads, 4)
  const visit = () => {
    throw new Error('visited')
  }
  reads = 0
  assert.is(await messageOf(() => forEachRowBlock(failing(2), 2, visit)), 'visited')
  assert.is(reads, 3)
})

test('forEachRowBlock: it fails only when nothing is being read any more: the memory may be freed', async () => {
  let reading = 0
  const source = {
    ...sourceOf('w', counting([6, 2])),
    async read(_: Float32Array, start: number) {
      reading++
      if (start > 0) await new Promise((resolve) => setTimeout(resolve, 5))
      reading--
    },
  }
  const visit = async () => {
    await Promise.resolve()
    assert.is(reading, 2)
    throw new Error('visited')
  }
  assert.is(await messageOf(() => forEachRowBlock(source, 2, visit)), 'visited')
  assert.is(reading, 0)
})

const table = new Map<string, Shape>([
  ['a', [2, 3]],
  ['b', [4]],
])
const storeOf = (shapes: Record<string, Shape>): WeightStore =>
  hashedStore(
    'model.safetensors',
    new Map(Object.entries(shapes).map(([name, shape]) => [name, { shape, mean: 0, scale: 1 }])),
  )

test('selectTensors: all of the table and nothing else, with or without the prefix', async () => {
  const options = { prefix: 'transformer.', ignored: /^mask$/ }
  for (const prefix of ['', 'transformer.']) {
    const store = storeOf({ [`${prefix}a`]: [2, 3], [`${prefix}b`]: [4], [`${prefix}mask`]: [9] })
    const found = selectTensors(store, table, options)
    assert.equal([...found.keys()], ['a', 'b'])
    checkSameBits(await readTensor(found.get('b')!), await readTensor(store.get(`${prefix}b`)))
  }
})

test('selectTensors: one tensor under two names', async () => {
  const store = storeOf({ a: [2, 3], b: [4], 'transformer.b': [4] })
  assert.is(
    await messageOf(() => selectTensors(store, table, { prefix: 'transformer.' })),
    'model.safetensors: holds b twice, with and without "transformer."',
  )
})

test('selectTensors: missing, unknown, wrong shape', async () => {
  const message = (shapes: Record<string, Shape>) => messageOf(() => selectTensors(storeOf(shapes), table))
  assert.is(await message({ a: [2, 3] }), 'model.safetensors: missing the tensor b')
  assert.is(await message({}), 'model.safetensors: missing the tensors a, b')
  assert.is(
    await message({ a: [2, 3], b: [4], c: [1] }),
    'model.safetensors: holds the tensor c, which this model does not have',
  )
  assert.is(
    await message({ a: [3, 2], b: [4] }),
    "model.safetensors: a is [3, 2], but the model's sizes need [2, 3]",
  )
  assert.is(
    await message({ a: [2, 3], b: [4, 1] }),
    "model.safetensors: b is [4, 1], but the model's sizes need [4]",
  )
  const many = Object.fromEntries(Array.from('cdefghi', (name) => [name, [1]]))
  assert.is(
    await message({ a: [2, 3], b: [4], ...many }),
    'model.safetensors: holds c, d, e, f, g and 2 more tensors, which this model does not have',
  )
})

test('finiteSource: NaN and infinity are refused by name and place, wherever a piece begins', async () => {
  for (const bad of [NaN, Infinity, -Infinity]) {
    const x = counting([3, 4])
    x.data[7] = bad
    const source = finiteSource('m', sourceOf('w', x))
    const expected = `m: w holds ${bad} at element 7; weights must be finite numbers`
    assert.is(await messageOf(() => readTensor(source)), expected)
    assert.is(await messageOf(() => source.read(new Float32Array(3), 5)), expected)
    await source.read(new Float32Array(7), 0)
    await source.read(new Float32Array(4), 8)
  }
})

test('a formula tensor is the same in pieces as in one', async () => {
  const source = hashedSource('h.0.mlp.c_fc.weight', { shape: [5, 7], mean: 1, scale: 0.25 })
  const whole = (await readTensor(source)).data
  for (let start = 0; start < 35; start += 9) {
    const piece = new Float32Array(Math.min(9, 35 - start))
    await source.read(piece, start)
    checkSameNumbers(piece, whole.subarray(start, start + 9))
  }
  assert.ok(whole.every((value) => value >= 0.75 && value <= 1.25))
  assert.is(await messageOf(() => storeOf({ a: [1] }).get('b')), 'model.safetensors: there is no tensor "b"')
})

test('a formula tensor follows the written formula, in whole-number arithmetic', async () => {
  const mask = 0xffffffffn
  const shift = (h: bigint, by: bigint, times: bigint) => ((h ^ (h >> by)) * times) & mask
  let seed = 0x811c9dc5n
  for (const byte of new TextEncoder().encode('é.wte')) seed = ((seed ^ BigInt(byte)) * 0x01000193n) & mask
  const expected = Array.from({ length: 50 }, (_, i) => {
    const h = shift(shift((BigInt(i) * 0x9e3779b9n + seed) & mask, 16n, 0x85ebca6bn), 13n, 0xc2b2ae35n)
    return Math.fround(0.5 + 0.25 * ((2 * Number(h ^ (h >> 16n))) / 2 ** 32 - 1))
  })
  const source = hashedSource('é.wte', { shape: [50], mean: 0.5, scale: 0.25 })
  checkSameNumbers((await readTensor(source)).data, expected)
})

test.run()
