// What stands around the timings: verification, percentiles, alternation, results, comparison, tables. No timing is asserted.
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { execFile } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { compareResults } from '../../bench/compare.ts'
import { opCost } from '../../bench/op-cost.ts'
import { naive } from '../../bench/kernels/naive.ts'
import { pack, packed } from '../../bench/kernels/packed.ts'
import { tiled } from '../../bench/kernels/tiled.ts'
import { transpose, transposed } from '../../bench/kernels/transposed.ts'
import { makeProblem, prepareEncoderOn, prepareOn, verifyMatmul } from '../../bench/matmul.ts'
import { wrapOps, type OpCall } from '../../bench/wrap-ops.ts'
import { makeRow, readResults, type Results, type Row } from '../../bench/rows.ts'
import { digits, replaceBetween, resultTables, rewriteReadme } from '../../bench/tables.ts'
import { alternate, percentile } from '../../bench/timing.ts'
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

timing('percentile interpolates between neighbours, in whatever order samples come', () => {
  assert.is(percentile([3, 1, 2], 0.5), 2)
  assert.is(percentile([4, 1, 3, 2], 0.5), 2.5)
  assert.is(percentile([10, 20], 0.1), 11)
  assert.is(percentile([7], 0.9), 7)
  assert.throws(() => percentile([], 0.5), /no samples/)
})

timing('percentiles lie within the samples and rise with the share', () => {
  const samples = fc.array(fc.double({ min: 0, max: 1e6, noNaN: true }), { minLength: 1 })
  const share = fc.double({ min: 0, max: 1, noNaN: true })
  fc.assert(
    fc.property(samples, share, share, (values, p, q) => {
      const [low, high] = [percentile(values, Math.min(p, q)), percentile(values, Math.max(p, q))]
      assert.ok(low <= high)
      assert.ok(Math.min(...values) <= low && high <= Math.max(...values))
    }),
    { seed: 1 },
  )
})

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

timing('a row holds median, spread, rates, and the share of the longer of both limits', () => {
  const name = { work: 'w', shape: 's', backend: 'b', mode: 'm', threads: 1 }
  const made = makeRow(name, [1, 2, 3], { flops: 4e6, bytes: 2e6 }, { gflops: 8, gbs: 1 })
  assert.is(made.median_ms, 2)
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
  assert.match(message, /broken: 2x3x4 \[2, 4\]: wrong result.*largest error 0\.5\d* at element 5/)
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
  const features = await checked.sparseEncode(x, layer)
  await checked.sparseDecode(
    features,
    await ops.prepareTable(sourceOf('D', (x as Tensor).rows(0, 4))),
    Tensor.zeros([4]),
  )
}

verifying('the observer passes a right backend and names the op of a corrupted one', async () => {
  await useOps(createReferenceBackend())
  for (const op of ['linear', 'layerNorm', 'attention', 'add', 'embed'] as const) {
    const message = await rejection(useOps(corrupted(op)))
    assert.match(message, new RegExp(`${op}, ${op}, rows \\d+ to \\d+ of \\d+, \\[\\d, 4\\]: wrong result`))
  }
})

verifying('observed ops inside scopes are seen, and give what they gave', async () => {
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

tables('text outside the markers is untouched, and rewriting twice changes nothing', () => {
  const text = fc.string({ unit: 'binary' }).filter((part) => !part.includes('bench:'))
  fc.assert(
    fc.property(text, text, text, text, (before, old, content, after) => {
      const page = `${before}<!-- bench:layers -->${old}<!-- /bench:layers -->${after}`
      const rewritten = replaceBetween(page, 'layers', content)
      assert.ok(rewritten.startsWith(`${before}<!-- bench:layers -->`))
      assert.ok(rewritten.endsWith(`<!-- /bench:layers -->${after}`))
      assert.ok(rewritten.includes(content.trim()))
      assert.is(replaceBetween(rewritten, 'layers', content), rewritten)
    }),
    { seed: 3 },
  )
})

tables('a missing, doubled or swapped marker is an error', () => {
  const [open, close] = ['<!-- bench:peers -->', '<!-- /bench:peers -->']
  assert.throws(
    () => replaceBetween('no markers', 'peers', ''),
    /expected the marker .* once, found it 0 times/,
  )
  assert.throws(() => replaceBetween(open, 'peers', ''), /\/bench:peers/)
  assert.throws(() => replaceBetween(open + open + close, 'peers', ''), /found it 2 times/)
  assert.throws(() => replaceBetween(close + open, 'peers', ''), /stands before/)
})

tables('bench/README.md has a place for every bench, and a results file goes to its own', async () => {
  const readme = readFileSync(join(ROOT, 'bench/README.md'), 'utf8')
  await withFolder(async (folder) => {
    const [page, file] = [join(folder, 'README.md'), join(folder, 'r.json')]
    for (const name of ['layers', 'kernels', 'peers', 'generate', 'memory', 'experiment', 'sae']) {
      writeFileSync(page, readme)
      const machine = { ...MACHINE, command: `npm run bench -- ${name} --quick` }
      const results: Results = {
        machine,
        rows: [row({ work: 'blocks.*.x|y' })],
        notRun: [{ backend: 'other', reason: 'no such thing here' }],
      }
      writeFileSync(file, JSON.stringify(results))
      assert.equal(await rewriteReadme([file], page), [name])
      const between = readFileSync(page, 'utf8').split(`<!-- bench:${name} -->`)[1].split('<!-- /bench')[0]
      assert.match(between, `npm run bench -- ${name} --quick`)
      assert.match(between, 'blocks.\\*.x\\|y | 1x2x3 | b | m | 1 | 2.00 | 1.00 to 3.00 | 1.00 | – | 50 %')
      assert.match(between, 'Not run: other: no such thing here.')
    }
  })
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
  const missing = await failure('compare', 'a.json', 'b.json')
  assert.is(missing.code, 1)
  assert.match(missing.stderr, /^error: a\.json: [^\n]*\n$/)
})

command.run()
