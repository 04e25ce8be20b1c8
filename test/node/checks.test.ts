import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Backend, DeviceTensor } from '../../engine/backend.ts'
import { createBackend } from '../../engine/backends.ts'
import type { SparseRows } from '../../engine/sparse.ts'
import { Tensor, type Shape } from '../../engine/tensor.ts'
import { sourceOf } from '../../engine/weights/weights.ts'
import { startBackends } from '../helpers/backends.ts'
import { messageOf } from '../helpers/compare.ts'

// Every op refuses a wrong call with the same words on every backend.

/** Everything the calls below need, on one backend. */
async function prepare(ops: Backend) {
  const zeros = (shape: Shape) => sourceOf('weight', Tensor.zeros(shape))
  return {
    ops,
    tensor: (...shape: number[]) => ops.upload(Tensor.zeros(shape)),
    zeros,
    layer: await ops.prepareLinear(zeros([768, 3072]), zeros([3072])),
    encoder: await ops.prepareEncoder(zeros([768, 3072]), zeros([3072])),
    table: await ops.prepareTable(zeros([10, 8])),
    norm: await ops.prepareNorm(zeros([8]), zeros([8])),
    cache: ops.createCache(4, 8),
  }
}

const sparse = (rows: number, width: number): SparseRows => ({
  shape: [rows, width],
  offsets: new Uint32Array(rows + 1),
  indices: new Uint32Array(0),
  values: new Float32Array(0),
})
const text = { queries: 3, keys: 5 }

type Prepared = Awaited<ReturnType<typeof prepare>>
const calls: readonly [message: string, call: (p: Prepared) => unknown][] = [
  // weights
  ['prepareLinear: expected [rows, width], got [5]', ({ ops, zeros }) => ops.prepareLinear(zeros([5]))],
  [
    'prepareLinear: weight [4, 6] needs a bias [6], got [4]',
    ({ ops, zeros }) => ops.prepareLinear(zeros([4, 6]), zeros([4])),
  ],
  [
    'prepareLinear: weight [4, 6] needs a bias [4], got [6]',
    ({ ops, zeros }) => ops.prepareLinear(zeros([4, 6]), zeros([6]), { transposed: true }),
  ],
  [
    'prepareLinear: weight [4, 6] needs a bias [6], got [1, 6]',
    ({ ops, zeros }) => ops.prepareLinear(zeros([4, 6]), zeros([1, 6])),
  ],
  [
    'prepareEncoder: weight [4, 6] needs a bias [6], got [4]',
    ({ ops, zeros }) => ops.prepareEncoder(zeros([4, 6]), zeros([4])),
  ],
  [
    'prepareEncoder: weight [4, 6] needs a threshold [6], got [1]',
    ({ ops, zeros }) =>
      ops.prepareEncoder(zeros([4, 6]), zeros([6]), { keep: 'above', threshold: zeros([1]) }),
  ],
  ...[0, 7, 1.5, NaN].map((k): [string, (p: Prepared) => unknown] => [
    `prepareEncoder: k is a whole number from 1 to the 6 outputs, got ${k}`,
    ({ ops, zeros }) => ops.prepareEncoder(zeros([4, 6]), zeros([6]), { keep: 'largest', k }),
  ]),
  [
    'prepareTable: expected [rows, width], got [2, 3, 4]',
    ({ ops, zeros }) => ops.prepareTable(zeros([2, 3, 4])),
  ],
  [
    'prepareNorm: weight and bias are [width] each, got [8] and [9]',
    ({ ops, zeros }) => ops.prepareNorm(zeros([8]), zeros([9])),
  ],
  [
    'prepareNorm: weight and bias are [width] each, got [1, 8] and [8]',
    ({ ops, zeros }) => ops.prepareNorm(zeros([1, 8]), zeros([8])),
  ],
  // rows
  ['reshape: [2, 3] and [7] differ in size', ({ ops, tensor }) => ops.reshape(tensor(2, 3), [7])],
  ['embed: id 10 is not in 0..9', ({ ops, table }) => ops.embed(table, [0, 10])],
  ['embed: id -1 is not in 0..9', ({ ops, table }) => ops.embed(table, [-1])],
  ['embed: id 1.5 is not in 0..9', ({ ops, table }) => ops.embed(table, [1.5])],
  ['embed: id NaN is not in 0..9', ({ ops, table }) => ops.embed(table, [NaN])],
  ['embed: id 3072 is not in 0..3071', ({ ops, layer }) => ops.embed(layer, [3072])],
  ['takeRows: id 3 is not in 0..2', ({ ops, tensor }) => ops.takeRows(tensor(3, 8), [3])],
  ['takeRows: expected [rows, width], got [3]', ({ ops, tensor }) => ops.takeRows(tensor(3), [0])],
  [
    'layerNorm: x [5, 9] with weight [8]: 9 and the norm’s width 8 differ',
    ({ ops, tensor, norm }) => ops.layerNorm(tensor(5, 9), norm, 1e-5),
  ],
  [
    'layerNorm: expected [rows, width], got [5, 2, 4]',
    ({ ops, tensor, norm }) => ops.layerNorm(tensor(5, 2, 4), norm, 1e-5),
  ],
  ['center: expected [rows, width], got [8]', ({ ops, tensor }) => ops.center(tensor(8))],
  ['softmax: expected [rows, width], got [2, 2, 2]', ({ ops, tensor }) => ops.softmax(tensor(2, 2, 2))],
  [
    "add: a [5, 8] and b [5, 7] differ: b has a's shape or is one row of it",
    ({ ops, tensor }) => ops.add(tensor(5, 8), tensor(5, 7)),
  ],
  [
    "subtract: a [5, 8] and b [5] differ: b has a's shape or is one row of it",
    ({ ops, tensor }) => ops.subtract(tensor(5, 8), tensor(5)),
  ],
  [
    "add: a [8] and b [5, 8] differ: b has a's shape or is one row of it",
    ({ ops, tensor }) => ops.add(tensor(8), tensor(5, 8)),
  ],
  [
    "add: a [5, 8, 2] and b [8] differ: b has a's shape or is one row of it",
    ({ ops, tensor }) => ops.add(tensor(5, 8, 2), tensor(8)),
  ],
  [
    'crossEntropy: x [5, 8]: 5 and the number of targets 2 differ',
    ({ ops, tensor }) => ops.crossEntropy(tensor(5, 8), [0, 1]),
  ],
  ['crossEntropy: id 8 is not in 0..7', ({ ops, tensor }) => ops.crossEntropy(tensor(2, 8), [7, 8])],
  ['crossEntropy: expected [rows, width], got [8]', ({ ops, tensor }) => ops.crossEntropy(tensor(8), [])],
  [
    'klDivergence: a [5, 8] and b [5, 7] differ in shape',
    ({ ops, tensor }) => ops.klDivergence(tensor(5, 8), tensor(5, 7)),
  ],
  [
    'klDivergence: [5, 0] has rows of no logits',
    ({ ops, tensor }) => ops.klDivergence(tensor(5, 0), tensor(5, 0)),
  ],
  [
    'klDivergence: expected [rows, width], got [8]',
    ({ ops, tensor }) => ops.klDivergence(tensor(8), tensor(8)),
  ],
  [
    'meanRows: x [5, 8]: 5 and the texts’ total length 6 differ',
    ({ ops, tensor }) => ops.meanRows(tensor(5, 8), [2, 4]),
  ],
  [
    'meanRows: a text has a whole number of rows from 1, got 0: no rows, no mean',
    ({ ops, tensor }) => ops.meanRows(tensor(5, 8), [5, 0]),
  ],
  [
    'meanRows: a text has a whole number of rows from 1, got 2.5: no rows, no mean',
    ({ ops, tensor }) => ops.meanRows(tensor(5, 8), [2.5, 2.5]),
  ],
  [
    'attention: a text has whole numbers of rows from 0, got -1 and 5',
    ({ ops, tensor }) =>
      ops.attention(tensor(5, 8), tensor(5, 8), tensor(5, 8), 2, [{ queries: -1, keys: 5 }]),
  ],
  ["topK: k is a whole number from 0 to the row's 8, got 9", ({ ops, tensor }) => ops.topK(tensor(5, 8), 9)],
  [
    "topK: k is a whole number from 0 to the row's 8, got 1.5",
    ({ ops, tensor }) => ops.topK(tensor(5, 8), 1.5),
  ],
  [
    "topK: k is a whole number from 0 to the row's 8, got -1",
    ({ ops, tensor }) => ops.topK(tensor(5, 8), -1),
  ],
  // linear and sparse
  [
    'linear: x [5, 769] x W [768, 3072]: inner dimensions 769 and 768 differ',
    ({ ops, tensor, layer }) => ops.linear(tensor(5, 769), layer),
  ],
  ['linear: expected [rows, width], got [768]', ({ ops, tensor, layer }) => ops.linear(tensor(768), layer)],
  [
    'linear: the residual [5, 768] is added to an output [5, 3072]',
    ({ ops, tensor, layer }) => ops.linear(tensor(5, 768), layer, { residual: tensor(5, 768) }),
  ],
  [
    'linear: the residual [5, 3072, 1] is added to an output [5, 3072]',
    ({ ops, tensor, layer }) => ops.linear(tensor(5, 768), layer, { residual: tensor(5, 3072, 1) }),
  ],
  [
    'sparseEncode: x [5, 769] x W [768, 3072]: inner dimensions 769 and 768 differ',
    ({ ops, tensor, encoder }) => ops.sparseEncode(tensor(5, 769), encoder),
  ],
  [
    'preActivations: x [5, 769] x W [768, 3072]: inner dimensions 769 and 768 differ',
    ({ ops, tensor, encoder }) => ops.preActivations(tensor(5, 769), encoder),
  ],
  [
    'sparseDecode: x [5, 9]: 9 and the table’s rows 10 differ',
    ({ ops, tensor, table }) => ops.sparseDecode(sparse(5, 9), table, tensor(8)),
  ],
  [
    'sparseDecode: the bias must be [8], got [10]',
    ({ ops, tensor, table }) => ops.sparseDecode(sparse(5, 10), table, tensor(10)),
  ],
  // attention and its cache
  [
    'attention: a width of 8 does not split into 3 heads',
    ({ ops, tensor }) => ops.attention(tensor(3, 8), tensor(5, 8), tensor(5, 8), 3, [text]),
  ],
  [
    'attention: a width of 8 does not split into 0 heads',
    ({ ops, tensor }) => ops.attention(tensor(3, 8), tensor(5, 8), tensor(5, 8), 0, [text]),
  ],
  [
    'attention: a text has 6 queries but only 5 keys',
    ({ ops, tensor }) =>
      ops.attention(tensor(6, 8), tensor(5, 8), tensor(5, 8), 2, [{ queries: 6, keys: 5 }]),
  ],
  [
    'attention: q must be [3, 8] for these texts, got [4, 8]',
    ({ ops, tensor }) => ops.attention(tensor(4, 8), tensor(5, 8), tensor(5, 8), 2, [text]),
  ],
  [
    'attention: k must be [5, 8] for these texts, got [5, 6]',
    ({ ops, tensor }) => ops.attention(tensor(3, 8), tensor(5, 6), tensor(5, 8), 2, [text]),
  ],
  [
    'attention: v must be [5, 8] for these texts, got [4, 8]',
    ({ ops, tensor }) => ops.attention(tensor(3, 8), tensor(5, 8), tensor(4, 8), 2, [text]),
  ],
  [
    'attentionPattern: k must be [5, 8] for these texts, got [6, 8]',
    ({ ops, tensor }) => ops.attentionPattern(tensor(3, 8), tensor(6, 8), 2, [text]),
  ],
  [
    'attentionPattern: expected [rows, width], got [3, 2, 4]',
    ({ ops, tensor }) => ops.attentionPattern(tensor(3, 2, 4), tensor(5, 8), 2, [text]),
  ],
  [
    'attentionMix: the pattern must be [2, 3, 5] for these texts, got [2, 3, 4]',
    ({ ops, tensor }) => ops.attentionMix(tensor(2, 3, 4), tensor(5, 8), 2, [text]),
  ],
  [
    'attentionMix: v must be [5, 8] for these texts, got [6, 8]',
    ({ ops, tensor }) => ops.attentionMix(tensor(2, 3, 5), tensor(6, 8), 2, [text]),
  ],
  [
    'append: rows [2, 9]: 9 and the cache’s width 8 differ',
    ({ ops, tensor, cache }) => ops.append(cache, tensor(2, 9)),
  ],
  [
    'append: the cache holds 0 of at most 4 rows; 5 more do not fit',
    ({ ops, tensor, cache }) => ops.append(cache, tensor(5, 8)),
  ],
]

const all = await startBackends()
const preparedOn = new Map<Backend, Prepared>()
for (const ops of all) preparedOn.set(ops, await prepare(ops))

for (const [ops, prepared] of preparedOn) {
  const test = suite(`checks: ${ops.name}`)

  for (const [message, call] of calls)
    test(message, async () => assert.is(await messageOf(() => call(prepared)), message))

  test('a cache that refused rows holds what it held', async () => {
    const cache = ops.createCache(2, 3)
    await ops.append(cache, ops.upload(Tensor.zeros([1, 3])))
    const message = await messageOf(() => ops.append(cache, ops.upload(Tensor.zeros([2, 3]))))
    assert.is(message, 'append: the cache holds 1 of at most 2 rows; 2 more do not fit')
    assert.is(cache.length, 1)
  })

  test('a tensor of another backend, or of another one of the same kind, is refused by every op', async () => {
    const own = ops.upload(Tensor.zeros([2, 8]))
    const twin = await createBackend(ops.name)
    for (const other of [...all, twin]) {
      const foreign = other.upload(Tensor.zeros([2, 8]))
      if (other === ops || (own instanceof Tensor && foreign instanceof Tensor)) continue // both in host memory
      const home = other === twin ? `another ${ops.name}` : other.name
      const refused = async (op: string, call: (x: DeviceTensor) => unknown) =>
        assert.is(
          await messageOf(() => call(foreign)),
          `${op} on ${ops.name}: the tensor [2, 8] lives on ${home}; download it there and upload it here`,
        )
      await refused('download', (x) => ops.download(x))
      await refused('reshape', (x) => ops.reshape(x, [16]))
      await refused('layerNorm', (x) => ops.layerNorm(x, prepared.norm, 1e-5))
      for (const op of ['gelu', 'center', 'softmax'] as const) await refused(op, (x) => ops[op](x))
      for (const op of ['add', 'subtract'] as const) {
        await refused(op, (x) => ops[op](own, x))
        await refused(op, (x) => ops[op](x, own))
      }
      await refused('takeRows', (x) => ops.takeRows(x, [0]))
      await refused('crossEntropy', (x) => ops.crossEntropy(x, [0, 1]))
      await refused('klDivergence', (x) => ops.klDivergence(own, x))
      await refused('klDivergence', (x) => ops.klDivergence(x, own))
      await refused('meanRows', (x) => ops.meanRows(x, [2]))
      await refused('topK', (x) => ops.topK(x, 1))
      await refused('append', (x) => ops.append(prepared.cache, x))
      const spans = [{ queries: 2, keys: 2 }]
      await refused('attention', (x) => ops.attention(own, own, x, 1, spans))
      await refused('attentionPattern', (x) => ops.attentionPattern(own, x, 1, spans))
    }
    await twin.dispose()
  })

  test('weights and caches of another backend, or of another one of the same kind', async () => {
    const twin = await createBackend(ops.name)
    const x = ops.upload(Tensor.zeros([2, 768]))
    for (const other of [...all, twin]) {
      if (other === ops || (other.name === 'reference' && ops.name === 'reference')) continue // both in host memory
      const { layer, encoder, table, norm, cache } = await prepare(other)
      await other.append(cache, other.upload(Tensor.zeros([1, 8])))
      const rows = ops.upload(Tensor.zeros([1, 8]))
      const expected = (op: string) =>
        `${op} on ${ops.name}: these weights, or this cache, were made on another backend; make them on this one`
      assert.is(await messageOf(() => ops.linear(x, layer)), expected('linear'))
      for (const op of ['sparseEncode', 'preActivations'] as const)
        assert.is(await messageOf(() => ops[op](x, encoder)), expected(op))
      assert.is(await messageOf(() => ops.embed(layer, [0])), expected('embed'))
      assert.is(await messageOf(() => ops.embed(table, [0])), expected('embed'))
      assert.is(
        await messageOf(() => ops.sparseDecode(sparse(1, 10), table, ops.upload(Tensor.zeros([8])))),
        expected('sparseDecode'),
      )
      assert.is(await messageOf(() => ops.append(cache, rows)), expected('append'))
      assert.match(await messageOf(() => ops.layerNorm(rows, norm, 1e-5)), `layerNorm on ${ops.name}: the`)
      for (const part of [layer, encoder, table, norm, cache]) other.release(part)
    }
    await twin.dispose()
  })

  test.run()
}

const registry = suite('checks: registry')

registry('a backend that is not known', async () => {
  const message = await messageOf(() => createBackend('abacus'))
  assert.match(message, /^backend "abacus" is not known; the backends are wasm, reference, /)
  for (const name of ['', 'toString', '__proto__', 'Reference'])
    assert.match(await messageOf(() => createBackend(name)), `backend "${name}" is not known`)
})

registry('an option that means nothing to a backend is refused, not ignored', async () => {
  const message = await messageOf(() => createBackend('reference', { threads: 2 }))
  assert.is(message, 'backend "reference" has no choice of threads; leave it out')
  await (await createBackend('reference', { threads: undefined })).dispose()
})

registry('every backend says its name and how it runs', () => {
  for (const { name, mode } of all) assert.ok(name !== '' && mode !== '')
  assert.is(new Set(all.map(({ name }) => name)).size, all.length)
})

registry.after(async () => {
  for (const ops of all) await ops.dispose()
})
registry.run()
