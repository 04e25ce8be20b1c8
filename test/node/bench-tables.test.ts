// Results of benchmarks: their files, their comparison, the published pages and last lines.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { existsSync, globSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import type { Benchmark } from '../../bench/benchmark.ts'
import { compareResults } from '../../bench/compare.ts'
import { corpus } from '../../bench/corpus.ts'
import { experiment } from '../../bench/experiment.ts'
import { explore } from '../../bench/explore.ts'
import { generate } from '../../bench/generate.ts'
import { gpujs } from '../../bench/gpujs.ts'
import { kernels } from '../../bench/kernels.ts'
import { memory } from '../../bench/memory.ts'
import { layers } from '../../bench/layers.ts'
import { peers } from '../../bench/peers.ts'
import { publish } from '../../bench/publish.ts'
import { readResults } from '../../bench/results-file.ts'
import type { MemoryUse, Results, Row } from '../../bench/rows.ts'
import { sae } from '../../bench/sae.ts'
import { benchmarkNames, digits, resultTables } from '../../bench/tables.ts'
import { MACHINE, rejection, row, withFolder } from '../helpers/bench.ts'

const ROOT = join(import.meta.dirname, '../..')

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

tables('the runs of one benchmark share its page, each under its command', async () => {
  await withFolder(async (folder) => {
    const run = (options: string, more: Partial<Results>): Results => ({
      machine: { ...MACHINE, command: `npm run bench -- gpujs ${options}` },
      ...{ rows: [row({ work: options })], ...more },
    })
    const use = { work: 'linear', shape: '1x2', backend: 'gpujs:webgpu', submissions: 2, read_backs: 0 }
    const runs = [run('--quick', { gpu: [use] }), run('--race', { gpu: [] })]
    assert.equal(await publishIn(folder, ...runs), ['cpu-2-cores/gpujs.md'])
    const text = readFileSync(join(folder, 'tables/cpu-2-cores/gpujs.md'), 'utf8')
    const counts =
      /\| --quick \|[^]+work \| shape \| backend \| submissions \| read-backs \|\n.+\n\| linear \| 1x2 \| gpujs:webgpu \| 2 \| 0 \|/
    assert.match(
      text,
      new RegExp(
        `^# gpujs\n\n\`npm run bench -- gpujs --quick\`: [^]+${counts.source}[^]+\`npm run bench -- gpujs --race\`: [^]+\\| --race \\|`,
      ),
    )
    assert.is(text.split('submissions').length, 2)
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

tables('the tables of engine/gpujs/README stand in the published page', () => {
  const cellsOf = (line: string) =>
    line
      .slice(1, -1)
      .split('|')
      .map((cell) => cell.trim())
  const [page, readme] = ['bench/tables/amd-epyc-2-cores/gpujs.md', 'engine/gpujs/README.md'].map((path) =>
    readFileSync(join(ROOT, path), 'utf8')
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line.startsWith('|')),
  )
  const published = page.map(cellsOf)
  let head: string[] = []
  let held = 0
  for (const line of readme) {
    const [work, shape, ...values] = cellsOf(line)
    if (work === 'work') head = values
    if (work === 'op') head = []
    if (head.length === 0 || /^(work|-+)$/.test(work)) continue
    const ofBackend = (name: string) =>
      published.filter((cells) => [work, shape, name].every((cell, i) => cells[i] === cell))
    const counts = head[0] === 'submissions'
    const found = counts
      ? ofBackend('gpujs:webgpu')
          .find(({ length }) => length === 5)
          ?.slice(3)
      : head.map((name) => ofBackend(name).find(({ length }) => length > 5)?.[5])
    assert.equal(values, found, `${work} ${shape}`)
    held++
  }
  assert.ok(held >= 18, `${held} rows`)
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
  const shards = resultTables({
    machine: { ...MACHINE, command: 'npm run bench -- corpus' },
    rows: [row({ work: 'corpus shard', shape: '8000', median_ms: 400 })],
  })
  assert.is(shards[0].rows[0].at(-1), '20000.0')
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
    summaryOf(gpujs, [
      of('WGSL', 1, { work: 'peak: read' }),
      of('gpujs:webgpu', 9, { work: 'race: upload' }),
      of('jax-js', 1, { work: 'race: upload' }),
      of('gpujs:webgpu', 8, { work: 'race: product' }),
      of('jax-js', 4, { work: 'race: product' }),
      of('onnxruntime-web', 6, { work: 'race: product' }),
    ]),
    'ours is 0.500 times as fast as the fastest other library',
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
    'there is nothing to compare ours with: another implementation (--beside) was not run beside it',
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
  assert.is(
    summaryOf(corpus, [
      of('wasm', 320, { work: 'forward and encoders', shape: '8000' }),
      of('wasm', 400, { work: 'corpus shard', shape: '8000' }),
    ]),
    'ours is 0.800 times as fast as its forward pass and encoders alone: 20000 tokens a second',
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
