import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Backend, DeviceTensor, TextSpan } from '../../engine/backend.ts'
import { createReferenceBackend } from '../../engine/reference/backend.ts'
import { toDense } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { createWasmBackend } from '../../engine/wasm/backend.ts'
import { platform as nodePlatform } from '../../engine/wasm/platform/platform-node.ts'
import { sourceOf } from '../../engine/weights/weights.ts'

const test = suite('wasm backend')

const reference = createReferenceBackend()
const backends = await Promise.all([
  createWasmBackend(nodePlatform, { threads: 1, fused: false, paired: false }),
  createWasmBackend(nodePlatform, { threads: 1 }),
  createWasmBackend(nodePlatform, { threads: 3, paired: false }),
])

/** Numbers in -2..2, the same for the same seed (a linear congruential generator). */
function randomTensor(shape: readonly number[], seed: number): Tensor {
  const tensor = Tensor.zeros(shape)
  let state = (seed * 2654435761) >>> 0
  for (let i = 0; i < tensor.data.length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    tensor.data[i] = state / 2 ** 30 - 2
  }
  return tensor
}

/** Runs an op on every backend and holds each result to the reference's, number by number. */
async function agrees(tolerance: number, op: (ops: Backend) => Promise<DeviceTensor>): Promise<void> {
  const expected = await reference.download(await op(reference))
  for (const backend of backends) {
    const got = await backend.scope(async (ops) => {
      const result = await backend.download(await op(ops))
      assert.equal(result.shape, expected.shape)
      numbersAgree(result.data, expected.data, tolerance, backend.mode)
    })
    assert.is(got, undefined)
  }
}

function numbersAgree(got: Float32Array, expected: Float32Array, tolerance: number, what: string): void {
  for (let i = 0; i < expected.length; i++) {
    const same =
      Object.is(got[i], expected[i]) ||
      Math.abs(got[i] - expected[i]) <= tolerance * (1 + Math.abs(expected[i]))
    assert.ok(same, `${what}: number ${i}: expected ${expected[i]}, got ${got[i]}`)
  }
}

const sizes = {
  rows: fc.integer({ min: 0, max: 40 }),
  width: fc.integer({ min: 1, max: 130 }),
  seed: fc.nat(1 << 20),
}
const shapes = fc.record(sizes)
const runs = { numRuns: 25, seed: 11 }

test('row and elementwise ops agree with the reference on any shape', async () => {
  await fc.assert(
    fc.asyncProperty(shapes, async ({ rows, width, seed }) => {
      const [a, b, row] = [
        randomTensor([rows, width], seed),
        randomTensor([rows, width], seed + 1),
        randomTensor([width], seed + 2),
      ]
      const one = (op: (ops: Backend, x: DeviceTensor) => Promise<DeviceTensor>, tolerance = 1e-6) =>
        agrees(tolerance, (ops) => op(ops, ops.upload(a)))
      await one((ops, x) => ops.add(x, ops.upload(b)), 0)
      await one((ops, x) => ops.add(x, ops.upload(row)), 0)
      await one((ops, x) => ops.subtract(x, ops.upload(b)), 0)
      await one((ops, x) => ops.gelu(x))
      await one((ops, x) => ops.center(x))
      await one((ops, x) => ops.softmax(x))
      await one(
        async (ops, x) =>
          ops.layerNorm(x, await ops.prepareNorm(sourceOf('g', row), sourceOf('b', row)), 1e-5),
        3e-6,
      )
      const indices = rows === 0 ? [] : [rows - 1, 0, seed % rows]
      await one((ops, x) => ops.takeRows(x, indices), 0)
      const cut = seed % (rows + 1)
      await one((ops, x) =>
        ops.meanRows(
          x,
          [cut, rows - cut].filter((length) => length > 0),
        ),
      )
    }),
    runs,
  )
})

test('big elementwise work is shared between threads and agrees too', async () => {
  const [a, b] = [randomTensor([700, 333], 1), randomTensor([700, 333], 2)]
  await agrees(0, (ops) => ops.add(ops.upload(a), ops.upload(b)))
  await agrees(1e-6, (ops) => ops.gelu(ops.upload(a)))
  await agrees(1e-6, (ops) => ops.softmax(ops.upload(a)))
  await agrees(1e-6, (ops) => ops.center(ops.upload(a)))
  const targets = Array.from({ length: 700 }, (_, r) => (r * 5) % 333)
  await agrees(1e-6, (ops) => ops.crossEntropy(ops.upload(a), targets))
  await agrees(1e-6, (ops) => ops.klDivergence(ops.upload(a), ops.upload(b)))
  for (const ops of backends) assert.equal(await ops.topK(ops.upload(a), 1), await reference.topK(a, 1))
})

const texts = fc.array(
  fc.record({ queries: fc.integer({ min: 0, max: 12 }), past: fc.constantFrom(0, 0, 1, 5, 131) }),
  {
    minLength: 1,
    maxLength: 4,
  },
)
const attentionCases = fc.record({
  texts,
  heads: fc.constantFrom(1, 3, 4),
  dHead: fc.constantFrom(1, 5, 8, 32, 45, 64),
  seed: sizes.seed,
})

test('attention agrees with the reference, its halves with the whole bit for bit', async () => {
  await fc.assert(
    fc.asyncProperty(attentionCases, async ({ texts, heads, dHead, seed }) => {
      const spans: TextSpan[] = texts.map(({ queries, past }) => ({ queries, keys: queries + past }))
      const [queries, keys] = (['queries', 'keys'] as const).map((of) =>
        spans.reduce((sum, span) => sum + span[of], 0),
      )
      const [q, k, v] = [queries, keys, keys].map((rows, i) => randomTensor([rows, heads * dHead], seed + i))
      const whole = (ops: Backend) => ops.attention(ops.upload(q), ops.upload(k), ops.upload(v), heads, spans)
      await agrees(2e-6, whole)
      await agrees(3e-6, (ops) => ops.attentionPattern(ops.upload(q), ops.upload(k), heads, spans))
      for (const backend of backends) {
        const pattern = await backend.attentionPattern(backend.upload(q), backend.upload(k), heads, spans)
        const mixed = await backend.download(
          await backend.attentionMix(pattern, backend.upload(v), heads, spans),
        )
        assert.equal(mixed.data, (await backend.download(await whole(backend))).data)
      }
    }),
    runs,
  )
})

test('more heads than a few, on many threads, stay within what a job may have', async () => {
  const ops = await createWasmBackend(nodePlatform, { threads: 7, paired: false })
  const [heads, tokens] = [160, 340]
  const q = randomTensor([tokens, heads], 1)
  const spans = [{ queries: tokens, keys: tokens }]
  const run = async (on: Backend) =>
    on.download(await on.attention(on.upload(q), on.upload(q), on.upload(q), heads, spans))
  numbersAgree((await run(ops)).data, (await run(reference)).data, 2e-6, ops.mode)
  await ops.dispose()
})

test('linear, embed, tables and caches agree with the reference', async () => {
  const weight = randomTensor([33, 70], 5)
  const x = randomTensor([9, 33], 6)
  const residual = randomTensor([9, 70], 7)
  await agrees(1e-5, async (ops) =>
    ops.linear(ops.upload(x), await ops.prepareLinear(sourceOf('w', weight)), {
      activation: 'gelu',
      residual: ops.upload(residual),
    }),
  )
  await agrees(0, async (ops) => ops.embed(await ops.prepareTable(sourceOf('t', weight)), [3, 32, 0]))
  await agrees(0, async (ops) =>
    ops.embed(await ops.prepareLinear(sourceOf('t', weight), undefined, { transposed: true }), [3, 32, 0]),
  )
  await agrees(0, async (ops) => {
    const cache = ops.createCache(20, 33)
    await ops.append(cache, ops.upload(x))
    return ops.append(cache, ops.upload(x))
  })
})

test('sparse encode, sparse decode and top-k agree with the reference', async () => {
  const [weight, bias, x] = [randomTensor([24, 500], 8), randomTensor([500], 9), randomTensor([150, 24], 10)]
  const [table, tableBias] = [randomTensor([500, 41], 11), randomTensor([41], 12)]
  const encode = async (ops: Backend) =>
    ops.sparseEncode(ops.upload(x), await ops.prepareEncoder(sourceOf('w', weight), sourceOf('b', bias)))
  const sparse = await encode(reference)
  await agrees(1e-5, async (ops) => ops.upload(toDense(await encode(ops))))
  // some 250 entries per row add up to hundreds and cancel
  await agrees(2e-4, async (ops) =>
    ops.sparseDecode(sparse, await ops.prepareTable(sourceOf('t', table)), ops.upload(tableBias)),
  )
  x.data.set([1, 5, 5, 3, 5], 24)
  for (const k of [0, 1, 3, 24])
    for (const backend of backends)
      assert.equal(await backend.topK(backend.upload(x), k), await reference.topK(x, k))
})

test('NaN and infinity go through row ops', async () => {
  const x = randomTensor([4, 9], 3)
  x.data[4] = NaN
  x.data[9 + 8] = -Infinity
  x.data[18 + 2] = Infinity
  await agrees(1e-6, (ops) => ops.softmax(ops.upload(x)))
  await agrees(1e-6, (ops) => ops.center(ops.upload(x)))
  await agrees(1e-6, (ops) => ops.gelu(ops.upload(x)))
})

test('a scope frees all but what it returns, and use after that is an error', async () => {
  const [ops] = backends
  const x = ops.upload(randomTensor([2, 3], 1))
  let inside: DeviceTensor | undefined
  const kept = await ops.scope(async (inner) => {
    inside = await inner.add(x, x)
    return inner.reshape(await inner.add(inside, x), [6])
  })
  assert.equal((await ops.download(kept)).shape, [6])
  try {
    await ops.add(inside ?? x, x)
    assert.unreachable()
  } catch (error) {
    assert.match(String(error), /add: the tensor \[2, 3\] was freed/)
  }
})

test('top-k beyond 64: zeros of both signs are ties, and keep their signs', async () => {
  const x = Tensor.of(
    [1, 100],
    Array.from({ length: 100 }, (_, i) => (i % 7 === 0 ? i - 50 : i % 2 === 0 ? -0 : 0)),
  )
  const [expected] = await reference.topK(x, 90)
  for (const backend of backends) {
    const [{ values, indices }] = await backend.topK(backend.upload(x), 90)
    assert.equal(indices, expected.indices)
    for (const [i, value] of values.entries()) assert.ok(Object.is(value, expected.values[i]), `place ${i}`)
  }
})

test.run()
