// What stands around the timings: verification, percentiles, alternation, results, comparison, tables. No timing is asserted.
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { execFile } from 'node:child_process'
import { existsSync, globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join, relative } from 'node:path'
import { promisify } from 'node:util'
import type { Benchmark } from '../../bench/benchmark.ts'
import { compareResults } from '../../bench/compare.ts'
import { experiment } from '../../bench/experiment.ts'
import { explore } from '../../bench/explore.ts'
import { generate } from '../../bench/generate.ts'
import { gpujs } from '../../bench/gpujs.ts'
import { kernels } from '../../bench/kernels.ts'
import { memory } from '../../bench/memory.ts'
import { opCost } from '../../bench/op-cost.ts'
import { naive } from '../../bench/kernels/naive.ts'
import { pack, packed } from '../../bench/kernels/packed.ts'
import { tiled } from '../../bench/kernels/tiled.ts'
import { transpose, transposed } from '../../bench/kernels/transposed.ts'
import { layers } from '../../bench/layers.ts'
import { makeProblem, prepareEncoderOn, prepareOn, verifyMatmul } from '../../bench/matmul.ts'
import { wrapOps, type OpCall } from '../../bench/wrap-ops.ts'
import { peers } from '../../bench/peers.ts'
import { publish } from '../../bench/publish.ts'
import { readResults } from '../../bench/results-file.ts'
import { makeRow, noCost, type MemoryUse, type Results, type Row } from '../../bench/rows.ts'
import { sae } from '../../bench/sae.ts'
import { timeSideBySide, type Case, type Runner } from '../../bench/side-by-side.ts'
import { benchmarkNames, digits, resultTables } from '../../bench/tables.ts'
import { alternate } from '../../bench/timing.ts'
import { checkClose, verifier } from '../../bench/verify.ts'
import type { Backend, DeviceTensor } from '../../engine/backend.ts'
import { createReferenceBackend } from '../../engine/reference/backend.ts'
import { Tensor } from '../../engine/tensor.ts'
import { sourceOf } from '../../engine/weights/weights.ts'

const ROOT = join(import.meta.dirname, '../..')
const MACHINE = {
  cpu: 'cpu',
  cores: 2,
  memory_gb: 8,
  platform: 'linux x64',
  node: '24.0.0',
  v8: '13',
  flags: 'none',
  commit: 'abc',
  date: '2026-01-02T03:04:05.000Z',
  command: 'npm run bench -- kernels',
}

function row(changes: Partial<Row> = {}): Row {
  return {
    work: 'w',
    shape: '1x2x3',
    backend: 'b',
    mode: 'm',
    threads: 1,
    median_ms: 2,
    p10_ms: 1,
    p90_ms: 3,
    gflops: 1,
    gbs: null,
    roofline: 0.5,
    ...changes,
  }
}

async function withFolder(work: (folder: string) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'bench-test-'))
  try {
    await work(folder)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

async function rejection(work: Promise<unknown>): Promise<string> {
  try {
    await work
  } catch (error) {
    return (error as Error).message
  }
  throw new Error('expected an error')
}

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
  const linear: OpCall = { op: 'linear', args: [x, { in: 8, out: 3 }, {}] }
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

const tables = suite('bench: results and tables')

const peak = (threads: number, gflops: number, name = 'multiply-add 256-bit') =>
  row({ work: `roofline: ${name}`, shape: '', threads, gflops, roofline: null })

async function publishIn(folder: string, ...all: Results[]): Promise<string[]> {
  const files = all.map((results, i) => {
    const file = join(folder, `${i}.json`)
    writeFileSync(file, JSON.stringify(results))
    return file
  })
  const written = await publish(files, join(folder, 'tables'))
  return written.map((path) => relative(join(folder, 'tables'), path))
}

tables('results go to the page of their benchmark and processor, and their peaks to one page', async () => {
  await withFolder(async (folder) => {
    const page = (name: string) => readFileSync(join(folder, 'tables', name), 'utf8')
    for (const name of benchmarkNames) {
      const machine = { ...MACHINE, cpu: 'Some(R) CPU @ 3', command: `npm run bench -- ${name} --quick` }
      const rows = [peak(1, 10), peak(2, name === 'sae' ? 19 : 20), row({ work: 'blocks.*.x|y' })]
      const notRun = [{ backend: 'other', reason: 'no such thing here' }]
      const [file] = await publishIn(folder, { machine, rows, notRun })
      assert.is(file, `some-cpu-3-2-cores/${name}.md`)
      assert.match(page(file), `npm run bench -- ${name} --quick`)
      assert.match(page(file), 'blocks.\\*.x\\|y | 1x2x3 | b | m | 1 | 2.00 | 1.00 to 3.00 | 1.00 | – | 50 %')
      assert.match(page(file), 'Not run: other: no such thing here.')
      assert.not.match(page(file), 'multiply-add')
    }
    const peaks = page('some-cpu-3-2-cores/roofline.md')
    assert.match(peaks, `| peak | threads | ${benchmarkNames.join(' | ')} |\n`)
    const cells = benchmarkNames.map((name) => (name === 'sae' ? '19.0' : '20.0'))
    assert.match(peaks, `| multiply-add 256-bit, GFLOP/s | 2 | ${cells.join(' | ')} |\n`)

    // Published again, a run's column is replaced and the others stay; another processor has a folder of its own.
    const machine = { ...MACHINE, cpu: 'Some(R) CPU @ 3', command: 'npm run bench -- sae' }
    const read = row({ work: 'roofline: read', gflops: null, gbs: 30 })
    const other = { machine: { ...machine, cpu: 'Other' }, rows: [peak(1, 7)] }
    assert.equal(await publishIn(folder, { machine, rows: [peak(1, 11), read] }, other), [
      'some-cpu-3-2-cores/sae.md',
      'other-2-cores/sae.md',
    ])
    const again = page('some-cpu-3-2-cores/roofline.md')
    const row1 = benchmarkNames.map((name) => (name === 'sae' ? '11.0' : '10.0'))
    assert.match(again, `| multiply-add 256-bit, GFLOP/s | 1 | ${row1.join(' | ')} |\n`)
    assert.match(again, `| 2 | ${cells.map((cell) => (cell === '19.0' ? '–' : cell)).join(' | ')} |\n`)
    assert.match(
      again,
      `| read, GB/s | 1 | ${benchmarkNames.map((name) => (name === 'sae' ? '30.0' : '–')).join(' | ')} |`,
    )
    assert.match(page('other-2-cores/roofline.md'), '| peak | threads | sae |')
  })
})

tables('a disturbed run is refused, and nothing of the others is written either', async () => {
  await withFolder(async (folder) => {
    const good = { machine: MACHINE, rows: [peak(1, 10), peak(2, 20), row()] }
    const rows = [
      peak(1, 116),
      peak(2, 233),
      peak(1, 58.4, 'multiply-add 128-bit'),
      peak(2, 58.2, 'multiply-add 128-bit'),
    ]
    const message = await rejection(publishIn(folder, good, { machine: MACHINE, rows }))
    assert.match(
      message,
      /1\.json: a disturbed run, not published: roofline: multiply-add 128-bit reached 58\.2 GFLOP\/s on 2 threads and 58\.4 on one, so another process had a core: stop what else is running and measure again/,
    )
    assert.not(existsSync(join(folder, 'tables')))
  })
})

tables('of a path on the machine that measured, only the last name is published', async () => {
  await withFolder(async (folder) => {
    const command = `npm run bench -- experiment --beside '/tmp/real-venv/bin/python bench/x.py' --model=/home/me/gpt2`
    const machine = { ...MACHINE, command }
    const notRun = [{ backend: 'x', reason: 'Cannot find C:\\Users\\me\\x.js' }]
    const [file] = await publishIn(folder, {
      machine,
      rows: [row({ work: 'load', shape: '/home/me/gpt2' })],
      notRun,
    })
    const text = readFileSync(join(folder, 'tables', file), 'utf8')
    assert.match(
      text,
      "`npm run bench -- experiment --beside 'python bench/x.py' --model=gpt2`: cpu, 2 cores",
    )
    assert.match(text, '| load | gpt2 |')
    assert.match(text, 'Not run: x: Cannot find x.js.')
  })
})

tables('every benchmark has a published page', () => {
  const published = globSync('bench/tables/*/*.md', { cwd: ROOT }).map((path) => basename(path, '.md'))
  for (const name of [...benchmarkNames, 'roofline']) assert.ok(published.includes(name), name)
})

tables('a part of the forward pass gets its share, prefill and decode their tokens a second', () => {
  const share = resultTables({
    machine: { ...MACHINE, command: 'npm run bench' },
    rows: [
      row({ work: 'forward pass', shape: '1', median_ms: 5 }),
      row({ work: 'forward pass', shape: '16', median_ms: 8 }),
      row({ work: 'ln_f', shape: '16x768', median_ms: 2 }),
      row({ work: 'sae.encode', shape: '16x768x24576', median_ms: 2 }),
    ],
  })
  assert.equal(
    share[0].rows.map((cells) => cells.at(-1)),
    ['–', '–', '25 %', '–'],
  )
  const rate = resultTables({
    machine: { ...MACHINE, command: 'npm run bench -- generate' },
    rows: [
      row({ work: 'prefill', shape: '16', median_ms: 8 }),
      row({ work: 'decode', shape: '1 after 16', median_ms: 20 }),
    ],
  })
  assert.equal(
    rate[0].rows.map((cells) => cells.at(-1)),
    ['2000.0', '50.0'],
  )
})

tables('each benchmark’s last line is made of its rows', () => {
  const summaryOf = <O>({ name, summary }: Benchmark<O>, rows: Row[], more: Partial<Results> = {}) =>
    summary({ machine: { ...MACHINE, command: `npm run bench -- ${name}` }, rows, ...more })
  const of = (backend: string, median_ms: number, changes: Partial<Row> = {}) =>
    row({ backend, median_ms, ...changes })
  const pass = (shape: string, roofline: number) => row({ work: 'forward pass', shape, roofline })
  assert.is(
    summaryOf(layers, [peak(1, 10), pass('1', 0.78), pass('512', 0.68)]),
    'ours is 0.680 to 0.780 times as fast as the roofline allows, in passes of 1, 512 tokens',
  )
  assert.is(
    summaryOf(kernels, [
      peak(1, 10),
      ...['a', 'b'].flatMap((shape, i) => [
        of('js', 500, { work: 'naive', shape }),
        of('wasm', 10, { work: 'threads', shape }),
        of('wasm', 2 + i * 0.5, { work: 'all', shape }),
      ]),
    ]),
    'ours is 200 to 250 times as fast as the three plain loops',
  )
  const product = { work: 'matmul', threads: 2 }
  const wasmPeer = { ...product, mode: 'wasm simd' }
  assert.is(
    summaryOf(peers, [
      of('wasm, 1 thread', 40, { work: 'matmul' }),
      of('wasm, 2 threads', 20, product),
      of('wasm 128-bit, 2 threads', 10, product),
      of('wasm sparseEncode, 2 threads', 5, { ...product, work: 'sae.encode' }),
      of('onnxruntime-node, 1 thread', 8, { work: 'matmul', mode: 'native' }),
      of('onnxruntime-node, 2 threads', 16, { ...product, mode: 'native' }),
      of('onnxruntime-web', 60, wasmPeer),
      of('jax-js', 90, { ...wasmPeer, threads: 1 }),
    ]),
    'ours is 3.00 times as fast as the fastest other in WebAssembly; ours is 0.800 times as fast as onnxruntime-node, which is native',
  )
  const [inNode, inChromium] = [{ mode: 'Node: x' }, { mode: 'Chromium: x' }]
  assert.is(
    summaryOf(gpujs, [
      of('wasm', 1, { ...inNode, work: 'upload' }),
      of('gpujs:cpu', 900, { ...inNode, work: 'upload' }),
      of('wasm', 2, inNode),
      of('gpujs:cpu', 30, inNode),
      of('gpujs:webasm', 20, inNode),
      of('wasm', 2, inChromium),
      of('gpujs:webgpu', 8, inChromium),
    ]),
    'ours is 4.00 to 10.0 times as fast as gpu.js in its fastest mode, op for op',
  )
  assert.is(
    summaryOf(generate, [
      row({ work: 'prefill', roofline: 0.1 }),
      of('wasm', 20, { work: 'decode', roofline: 0.95 }),
    ]),
    'ours is 0.950 times as fast as the roofline allows in decoding: 50.0 tokens a second',
  )
  const memoryOf = { run_mb: 884, target_mb: 896, of_target: 0.9866 } as MemoryUse
  assert.is(summaryOf(memory, [], { memory: [memoryOf] }), 'ours is 0.987 times its target: 884 of 896 MB')
  const total = { work: 'total' }
  assert.is(
    summaryOf(experiment, [
      of('wasm', 900, { work: 'forward' }),
      of('wasm', 3500, total),
      of('PyTorch', 21000, total),
    ]),
    'ours is 6.00 times as fast as PyTorch',
  )
  assert.is(
    summaryOf(experiment, [of('wasm', 3500, total)]),
    'ours has nothing to be compared with: another implementation (--beside) was not run beside it',
  )
  assert.is(
    summaryOf(sae, [
      peak(1, 10),
      of('wasm, dense', 20),
      of('wasm, screened', 10),
      of('onnxruntime-node, 2 threads', 12),
    ]),
    'ours is 2.00 times as fast as our dense encoder; ours is 1.20 times as fast as onnxruntime-node, which is native',
  )
  const key = { work: 'key to picture' }
  assert.is(
    summaryOf(explore, [
      of('reference', 850, key),
      of('wasm', 85, key),
      of('wasm', 100, key),
      of('wasm', 1, { work: 'its worker' }),
    ]),
    'ours is 8.50 to 10.0 times as fast as the reference backend, from key to picture',
  )
})

tables('numbers are shown with three digits that count', () => {
  assert.equal([0, 0.0123456, 1.2345, 12.345, 123.45, 1234.5].map(digits), [
    '0',
    '0.0123',
    '1.23',
    '12.3',
    '123',
    '1235',
  ])
})

tables('compare joins rows by what they are, and says where ranges overlap', () => {
  const a = { machine: MACHINE, rows: [row(), row({ threads: 2 }), row({ work: 'gone' })] }
  const b = {
    machine: MACHINE,
    rows: [
      row({ work: 'new' }),
      row({ median_ms: 1 }),
      row({ threads: 2, median_ms: 8, p10_ms: 7, p90_ms: 9 }),
    ],
  }
  const { rows } = compareResults(a, b)
  assert.equal(
    rows.map(({ work, threads, speedup, overlap }) => [work, threads, speedup, overlap]),
    [
      ['w', 1, 2, true],
      ['w', 2, 0.25, false],
      ['gone', 1, null, null],
      ['new', 1, null, null],
    ],
  )
  assert.throws(() => compareResults({ machine: MACHINE, rows: [row(), row()] }, b), /two rows are/)
})

tables('a file that is no results file is refused by name', async () => {
  await withFolder(async (folder) => {
    const file = join(folder, 'x.json')
    const reason = async (content: unknown) => {
      writeFileSync(file, JSON.stringify(content))
      return rejection(readResults(file))
    }
    assert.match(await reason(null), /x\.json: not a results file/)
    assert.match(await reason({ rows: [] }), /expected \{ machine, rows \}/)
    assert.match(await reason({ machine: MACHINE, rows: [{ work: 'w' }] }), /row 0 has no shape/)
    assert.match(await rejection(readResults(join(folder, 'none.json'))), /none\.json/)
  })
})

tables.run()

const command = suite('bench: the command')

const bench = (...args: string[]) =>
  promisify(execFile)(process.execPath, [join(ROOT, 'bench/main.ts'), ...args])

command(
  '--json prints nothing but JSON, with the same keys in every row, and keeps the same file',
  async () => {
    await withFolder(async (folder) => {
      const out = join(folder, 'r.json')
      const args = [
        '--model',
        'tiny',
        '--tokens',
        '1',
        '--layers',
        '0',
        '--backend',
        'reference',
        '--quick',
        '--json',
      ]
      const { stdout, stderr } = await bench(...args, '--out', out)
      const results = JSON.parse(stdout) as Results
      assert.equal(Object.keys(results), ['machine', 'rows'])
      assert.is(results.machine.command, 'npm run bench -- ' + args.slice(0, -1).join(' '))
      for (const one of results.rows) assert.equal(Object.keys(one), Object.keys(row()))
      const works = results.rows.map(({ work }) => work)
      for (const work of [
        'roofline: read',
        'forward pass',
        'embedding',
        'blocks.0.attn.qkv',
        'blocks.*.attn.qkv',
      ])
        assert.ok(works.includes(work), work)
      for (const work of ['ln_f', 'unembedding', 'sae.encode', 'sae.decode'])
        assert.ok(works.includes(work), work)
      assert.is(results.rows.find(({ work }) => work === 'blocks.*.attn.qkv')?.shape, '1x128x384')
      assert.is(stderr, '')
      assert.is(readFileSync(out, 'utf8'), stdout)
      assert.equal(await readResults(out), results)
    })
  },
)

command('memory measures a process of its own, in rows of the same keys', async () => {
  await withFolder(async (folder) => {
    const out = join(folder, 'm.json')
    const { stdout } = await bench(
      'memory',
      '--model',
      'tiny',
      '--backend',
      'reference',
      '--tokens',
      '4',
      '--json',
      '--out',
      out,
    )
    const { rows, memory } = JSON.parse(stdout) as Results
    assert.equal(
      rows.map(({ work }) => work),
      ['load', 'run'],
    )
    const [use] = memory!
    assert.ok(use.start_mb <= use.load_mb && use.load_mb <= use.run_mb)
    assert.ok(Math.abs(use.tensor_mb * 1.15 + 150 - use.target_mb) < 1e-6)
  })
})

command('--help lists every benchmark, a line each, and --quick', async () => {
  const { stdout } = await bench('--help')
  for (const name of benchmarkNames)
    assert.match(stdout, new RegExp(`^  ${name} \\[options\\] +[^ \\n][^\\n]*\\n  \\w`, 'm'))
  assert.match(stdout, '--quick')
})

command('wrong usage exits 2, and a fault of the input 1 with one line', async () => {
  const failure = async (...args: string[]) => {
    try {
      await bench(...args)
    } catch (error) {
      return error as { code: number; stderr: string }
    }
    throw new Error('expected a failure')
  }
  assert.is((await failure('--tokens', '0')).code, 2)
  assert.is((await failure('peers', '--sizes', '3x4')).code, 2)
  assert.is((await failure('compare', 'a.json')).code, 2)
  assert.is((await failure('sae', '--nope')).code, 2)
  const unknown = await failure('nope')
  assert.is(unknown.code, 2)
  assert.match(unknown.stderr, `there is no benchmark 'nope': there are ${benchmarkNames.join(', ')}\n`)
  const missing = await failure('compare', 'a.json', 'b.json')
  assert.is(missing.code, 1)
  assert.match(missing.stderr, /^error: a\.json: [^\n]*\n$/)
})

command.run()
