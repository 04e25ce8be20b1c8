// What stands around the timings: verification, percentiles, alternation. No timing is asserted.
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { opCost } from '../../bench/op-cost.ts'
import { naive } from '../../bench/kernels/naive.ts'
import { pack, packed } from '../../bench/kernels/packed.ts'
import { tiled } from '../../bench/kernels/tiled.ts'
import { transpose, transposed } from '../../bench/kernels/transposed.ts'
import { makeProblem, prepareEncoderOn, prepareOn, verifyMatmul } from '../../bench/matmul.ts'
import { wrapOps, type OpCall } from '../../bench/wrap-ops.ts'
import { makeRow, noCost, type Row } from '../../bench/rows.ts'
import { timeSideBySide, type Case, type Runner } from '../../bench/side-by-side.ts'
import { alternate } from '../../bench/timing.ts'
import { checkClose, verifier } from '../../bench/verify.ts'
import type { Backend, DeviceTensor } from '../../engine/backend.ts'
import { createReferenceBackend } from '../../engine/reference/backend.ts'
import { Tensor } from '../../engine/tensor.ts'
import { sourceOf } from '../../engine/weights/weights.ts'
import { rejection } from '../helpers/bench.ts'

const timing = suite('bench: timing')

timing('works take turns, and one that has used up its time drops out', async () => {
  const order: string[] = []
  const fake = (name: string, ms: number) => async () => {
    order.push(name)
    return [ms]
  }
  const samples = await alternate([fake('A', 1), fake('B', 60)], { rounds: 3, roundMs: 1, mostMs: 100 })
  assert.equal(order, ['A', 'B', 'A', 'B', 'A'])
  assert.equal(samples, [
    [1, 1, 1],
    [60, 60],
  ])
})

/** Takes 1 ms for everything; `verify` may fail. */
function runner(backend: string, verify = async (_task: string) => {}): Runner<string> & { log: string[] } {
  const log: string[] = []
  return {
    ...{ backend, mode: `${backend}’s mode`, threads: 1, log },
    verify: async (task) => {
      log.push(`verify ${task}`)
      await verify(task)
    },
    time: async () => {
      log.push('time')
      return [1]
    },
    close: () => log.push('close'),
  }
}

const quick = { quick: true, quiet: true } // two rounds
const oneCase = (work: string): Case<string> => ({ work, shape: '1', cost: noCost, task: () => work })

timing(
  'everyone who can is verified before it is timed; who cannot is named once; all are closed',
  async () => {
    const failing = async () => {
      throw new Error('no such thing here\n  at somewhere')
    }
    const [a, b] = [runner('a'), runner('b', failing)]
    const starts = [
      ['a', async () => a],
      ['b', async () => b],
      ['c', failing],
    ] as const
    const measured: number[] = []
    const onRows = (rows: readonly Row[]) => measured.push(rows.length)
    const settings = { ...quick, where: 'here', label: 'all of it', onRows }
    const cases = ['x', 'y'].map((work) => ({ ...oneCase(work), label: 'both' }))
    const { rows, notRun } = await timeSideBySide(starts, () => cases, settings)
    assert.equal(a.log, ['verify x', 'time', 'time', 'verify y', 'time', 'time', 'close'])
    assert.equal(b.log, ['verify x', 'verify y', 'close'])
    assert.equal(notRun, [
      { backend: 'c, here: all of it', reason: 'no such thing here' },
      { backend: 'b, here: both', reason: 'no such thing here' },
    ])
    assert.equal(
      rows.map(({ work, backend, mode }) => [work, backend, mode]),
      [
        ['x', 'a', 'here: a’s mode'],
        ['y', 'a', 'here: a’s mode'],
      ],
    )
    assert.equal(measured, [1, 1])
  },
)

timing('a wrong result ends it all, and closes everyone', async () => {
  const wrong = runner('wrong', async () => checkClose('x', [1], Float32Array.of(1), Float32Array.of(2)))
  const right = runner('right')
  const starts = [right, wrong].map((one) => [one.backend, async () => one] as const)
  const run = timeSideBySide(starts, () => [oneCase('x')], quick)
  assert.match(await rejection(run), /wrong result, nothing is timed/)
  assert.equal(
    [right.log, wrong.log],
    [
      ['verify x', 'close'],
      ['verify x', 'close'],
    ],
  )
})

timing('a row holds median, spread, rates, and the share of the longer of both limits', () => {
  const name = { work: 'w', shape: 's', backend: 'b', mode: 'm', threads: 1 }
  const made = makeRow(name, [3, 1, 2], { flops: 4e6, bytes: 2e6 }, { gflops: 8, gbs: 1 })
  assert.is(made.median_ms, 2)
  assert.is(made.p10_ms, 1.2) // between neighbours
  assert.is(made.p90_ms, 2.8)
  assert.is(made.gflops, 2) // 4e6 in 2 ms
  assert.is(made.gbs, 1)
  assert.is(made.roofline, 1) // its bytes alone need 2 ms
  assert.is(makeRow(name, [1], { flops: 0, bytes: 0 }).gflops, null)
  assert.is(makeRow(name, [1], { flops: 1, bytes: 1 }).roofline, null)
})

timing.run()

const verifying = suite('bench: verification')

verifying('every JavaScript step of the ladder computes the product, at any size', async () => {
  const dimension = fc.integer({ min: 1, max: 9 })
  await fc.assert(
    fc.asyncProperty(dimension, dimension, dimension, async (m, k, n) => {
      const problem = await makeProblem([m, k, n])
      const { a, b } = problem
      const bt = transpose(b, k, n)
      const steps = [
        [naive, b],
        [transposed, bt],
        [tiled, bt],
        [packed, pack(b, k, n)],
      ] as const
      for (const [kernel, weight] of steps) {
        const c = new Float32Array(m * n)
        kernel(a, weight, c, m, k, n)
        await verifyMatmul(kernel.name, problem, { run: () => c })
      }
    }),
    { seed: 2, numRuns: 40 },
  )
})

verifying('a backend’s product and its SAE encoder are what is expected of them', async () => {
  const problem = await makeProblem([3, 16, 40])
  const ops = createReferenceBackend()
  await verifyMatmul('linear', problem, await prepareOn(ops, problem))
  await verifyMatmul('encoder', problem, await prepareEncoderOn(ops, problem))
})

verifying('one wrong number is refused, with the shape and the error', async () => {
  const problem = await makeProblem([2, 3, 4])
  const c = problem.expected.slice()
  c[5] += 0.5
  const message = await rejection(verifyMatmul('broken', problem, { run: () => c }))
  assert.match(message, /broken: 2x3x4 \[2, 4\]: wrong result.*largest error 0\.(5|4999)\d* at element 5/)
})

verifying('NaN, a missing number and an error among zeros are refused', () => {
  const ones = Float32Array.of(1, 1)
  assert.throws(() => checkClose('x', [2], Float32Array.of(NaN, 1), ones), /largest error NaN at element 0/)
  assert.throws(() => checkClose('x', [2], Float32Array.of(1), ones), /1 numbers, but \[2\] has 2/)
  assert.throws(() => checkClose('x', [1], Float32Array.of(1e-9), Float32Array.of(0)), /wrong result/)
  checkClose('x', [2], Float32Array.of(1.00001, 1), ones)
})

/** The reference backend with one op whose results are off by a little in their last number. */
function corrupted(op: 'linear' | 'layerNorm' | 'attention' | 'add' | 'embed'): Backend {
  const ops = createReferenceBackend()
  return new Proxy(ops, {
    get(target, key) {
      const member: unknown = Reflect.get(target, key)
      if (typeof member !== 'function') return member
      return async (...args: unknown[]) => {
        const result: unknown = await Reflect.apply(member, target, args)
        if (key !== op) return result
        const wrong = Tensor.of((result as Tensor).shape, (result as Tensor).data)
        wrong.data[wrong.data.length - 1] += 0.1
        return wrong
      }
    },
  })
}

/** Calls an op of each kind, with enough rows for windows that leave some out. */
async function useOps(ops: Backend): Promise<void> {
  const x: DeviceTensor = Tensor.of(
    [20, 4],
    Array.from({ length: 80 }, (_, i) => Math.sin(i)),
  )
  const vector = (value: number) => sourceOf('v', Tensor.of([4], [value, 1, 2, 3]))
  const layer = await ops.prepareLinear(sourceOf('W', Tensor.of([4, 4], (x as Tensor).data.subarray(0, 16))))
  const table = await ops.prepareTable(sourceOf('T', x as Tensor))
  const norm = await ops.prepareNorm(vector(1), vector(0))
  const reference = createReferenceBackend()
  const checked = wrapOps(
    ops,
    verifier(ops, reference, new Map(), (call) => call.op),
  )
  await checked.embed(table, [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13])
  await checked.layerNorm(x, norm, 1e-5)
  await checked.linear(x, layer, { activation: 'gelu', residual: x })
  await checked.attention(x, x, x, 2, [{ queries: 20, keys: 20 }])
  await checked.add(x, x)
  const encoder = await ops.prepareEncoder(
    sourceOf('W', Tensor.of([4, 4], (x as Tensor).data.subarray(0, 16))),
    vector(0),
  )
  const features = await checked.sparseEncode(x, encoder)
  await checked.sparseDecode(
    features,
    await ops.prepareTable(sourceOf('D', (x as Tensor).rows(0, 4))),
    Tensor.zeros([4]),
  )
}

verifying('the verifier passes a right backend and names the op of a corrupted one', async () => {
  await useOps(createReferenceBackend())
  for (const op of ['linear', 'layerNorm', 'attention', 'add', 'embed'] as const) {
    const message = await rejection(useOps(corrupted(op)))
    assert.match(message, new RegExp(`${op}, ${op}, rows \\d+ to \\d+ of \\d+, \\[\\d, 4\\]: wrong result`))
  }
})

verifying('wrapped ops inside scopes are seen, and give what they gave', async () => {
  const seen: string[] = []
  const ops = wrapOps(createReferenceBackend(), async ({ op }, run) => {
    seen.push(op)
    return run()
  })
  const x = Tensor.of([1, 2], [1, 3])
  const [sum] = await ops.scope(async (inner) => [await inner.add(x, x)] as const)
  assert.equal([...(await ops.download(sum)).data], [2, 6])
  assert.equal(seen, ['add'])
})

verifying('costs count every multiplication, and the keys each query may look at', () => {
  const x = Tensor.zeros([5, 8])
  const linear: OpCall = { op: 'linear', args: [x, { in: 8, out: 3, hasBias: true }, {}] }
  assert.equal(opCost(linear), {
    flops: 2 * 5 * 8 * 3,
    bytes: 4 * (8 * 3 + 3 + 5 * 8 + 5 * 3),
    dimensions: [5, 8, 3],
  })
  const past = Tensor.zeros([7, 8])
  const attention: OpCall = { op: 'attention', args: [x, past, past, 2, [{ queries: 5, keys: 7 }]] }
  assert.is(opCost(attention).flops, 4 * 8 * (3 + 4 + 5 + 6 + 7))
})

verifying.run()
