// `npm run bench`: its JSON, its help, its errors. No timing is asserted.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { readResults } from '../../bench/results-file.ts'
import type { Results } from '../../bench/rows.ts'
import { benchmarkNames } from '../../bench/tables.ts'
import { rejection, row, withFolder } from '../helpers/bench.ts'

const ROOT = join(import.meta.dirname, '../..')

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
  assert.match(
    unknown.stderr,
    `there is no benchmark 'nope'; the benchmarks are ${benchmarkNames.join(', ')}\n`,
  )
  const missing = await failure('compare', 'a.json', 'b.json')
  assert.is(missing.code, 1)
  assert.match(missing.stderr, /^error: a\.json: [^\n]*\n$/)
})

command('kernels --only runs the steps named, and refuses a name that no step has', async () => {
  await withFolder(async (folder) => {
    const args = ['kernels', '--quick', '--json', '--out', join(folder, 'r.json')]
    const { stdout } = await bench(...args, '--only', 'tiled', 'packed')
    const { rows } = JSON.parse(stdout) as Results
    const steps = rows.filter(({ shape }) => shape !== '')
    assert.equal(
      steps.map(({ work }) => work),
      ['tiled', 'packed'],
    )
    const refused = await rejection(bench(...args, '--only', 'mine'))
    assert.match(
      refused,
      /\nerror: --only "mine": there is no such step; the steps are: naive \| transposed \| /,
    )
  })
})

command('explore --only refuses a name that no backend begins with, before anything is built', async () => {
  await withFolder(async (folder) => {
    const refused = await rejection(bench('explore', '--only', 'mine', '--out', join(folder, 'r.json')))
    assert.match(
      refused,
      /\nerror: bench explore: --only mine: no backend's name begins so; there are: wasm \| gpujs:webgpu \| /,
    )
  })
})

command.run()
