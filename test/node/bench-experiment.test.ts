// The bench of the whole experiment: its texts, its files, its runs and what stands beside them. No timing is asserted.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { textsOfPublishedLengths } from '../../bench/experiment-input.ts'
import { writeModelFolder } from '../../bench/model-folder.ts'
import type { Results } from '../../bench/rows.ts'
import { resultTables } from '../../bench/tables.ts'
import { createBackend } from '../../engine/backends.ts'
import { openSafetensors } from '../../engine/weights/safetensors.ts'
import { openFile } from '../../engine/weights/files-node.ts'
import { readTensor } from '../../engine/weights/weights.ts'
import { captureStreams, encodeStream } from '../../experiments/lab/models/features.ts'
import { findModel } from '../../experiments/lab/models/model-source.ts'
import { openModel } from '../../experiments/lab/models/models.ts'
import { gpt2Small } from '../../gpt2/config.ts'

const ROOT = join(import.meta.dirname, '../..')
const tmp = mkdtempSync(join(tmpdir(), 'bench-experiment-'))
const ops = await createBackend('reference')
const HOOK = 'blocks.2.hook_resid_pre'

const test = suite('bench: experiment')
test.after(async () => {
  await ops.dispose()
  rmSync(tmp, { recursive: true })
})

test('its texts are as many, and as long, as the post’s', async () => {
  const { texts, categories } = await textsOfPublishedLengths(gpt2Small)
  assert.is(texts.length, 70)
  assert.is(texts.flat().length, 70 + 975)
  assert.is(Math.max(...texts.map(({ length }) => length)), 1 + 34)
  for (const ids of texts) assert.is(ids.lastIndexOf(gpt2Small.bos), 0, 'BOS first, and nowhere else')
  assert.is(new Set(texts.map((ids) => ids.join())).size, 70, 'no text twice')
  assert.is(categories.length, 7)
  assert.equal(
    categories.flatMap(({ rows }) => rows),
    [...texts.keys()],
  )
})

test('a model written as float32 files is the same model, and gone afterwards', async () => {
  let path = ''
  {
    await using folder = await writeModelFolder(await findModel('tiny'), [HOOK], true)
    path = folder.path
    const store = await openSafetensors(await openFile(join(path, 'model.safetensors')))
    assert.ok(store.names().every((name) => store.entry(name).dtype === 'F32'))
    const wte = await readTensor(store.get('wte.weight'))
    await store.close()
    assert.equal(wte.shape, [4097, 128])

    const ids = [4096, 1640, 2124, 287, 1351, 25] // for x in list:
    const features = async (name: string) => {
      const model = await openModel(name, ops, { quiet: true })
      const sae = await model.openSae(HOOK)
      const stream = (await captureStreams(model.gpt2, [ids], [HOOK])).get(HOOK)!
      return { model, features: await encodeStream(ops, sae, stream) }
    }
    const [written, original] = [await features(path), await features('tiny')]
    assert.equal(written.features, original.features)
    assert.ok(written.features.values.length > 0)
    assert.equal(written.model.gpt2.config, original.model.gpt2.config)
    assert.equal(written.model.saeHooks, [HOOK])
    assert.equal(written.model.saeConfig(HOOK).centered, original.model.saeConfig(HOOK).centered)
  }
  assert.not(existsSync(path))
})

const beside = (fault = '') =>
  `"${process.execPath}" "${join(ROOT, 'test/fixtures/bench/beside.ts')}" ${fault}`.trim()

/** A run in a folder for temporary files of its own, which is looked at afterwards. */
function bench(...args: string[]) {
  const own = mkdtempSync(join(tmp, 'run-'))
  const out = join(own, 'out.json')
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(ROOT, 'bench/main.ts'), 'experiment', '--quick', '--json', '--out', out, ...args],
    { encoding: 'utf8', env: { ...process.env, TMPDIR: own, TEMP: own } },
  )
  return { status, stdout, stderr, left: readdirSync(own).filter((name) => name !== 'out.json') }
}

const PARTS = ['load the model', 'forward', 'load the SAEs', 'encode', 'analysis']

test('times every part of both, and the total is their sum', () => {
  const { status, stdout, stderr, left } = bench('--beside', beside())
  assert.is(status, 0, stderr)
  assert.is(stderr, '')
  assert.equal(left, [], 'the files are gone')
  const results = JSON.parse(stdout) as Results
  const { rows, memory } = results
  const works = ['start, not in the total', ...PARTS, 'total', 'statistics, not in the total']
  for (const name of ['wasm', 'another']) {
    const own = rows.filter(({ backend }) => backend === name)
    assert.equal(
      own.map(({ work }) => work),
      works,
    )
    const ms = (part: string) => own.find(({ work }) => work === part)!.median_ms
    const sum = PARTS.reduce((total, part) => total + ms(part), 0)
    assert.ok(Math.abs(ms('total') / sum - 1) < 1e-3, 'a single run’s total is the sum of its parts')
    const [forward, encode] = ['forward', 'encode'].map((part) => own.find(({ work }) => work === part)!)
    assert.is(forward.shape, '1045')
    assert.is(encode.shape, '6 x 1045x128x1024')
    assert.ok(Math.abs((encode.gflops! * encode.median_ms * 1e6) / (2 * 6 * 1045 * 128 * 1024) - 1) < 0.01)
  }
  const [ours, theirs] = memory!
  assert.equal([ours.backend, theirs.backend], ['wasm', 'another'])
  assert.ok(ours.start_mb <= ours.load_mb && ours.load_mb <= ours.run_mb)

  const [table] = resultTables(results)
  assert.is(table.head.at(-1), 'x ours')
  const total = table.rows.filter(([work]) => work === 'total')
  const [a, b] = rows.filter(({ work }) => work === 'total')
  assert.equal(
    total.map((cells) => cells.at(-1)),
    ['–', (b.median_ms / a.median_ms).toFixed(2)],
  )
})

test('refuses to compare what does not compute the same, or does not run', () => {
  const cases: [fault: string, message: RegExp][] = [
    [
      'peak',
      /^error: bench experiment: another has a peak of [\d.]+ in SAE 1, category 2, wasm one of [\d.]+: they do not compute the same, so nothing is reported\n$/,
    ],
    ['silent', /^error: bench experiment: --beside .* ended with 0 and no result: \n$/],
    ['fails', /^error: bench experiment: --beside .* ended with 3 and no result: no such library\n$/],
  ]
  for (const [fault, message] of cases) {
    const { status, stdout, stderr, left } = bench('--beside', beside(fault))
    assert.match(stderr, message)
    assert.is(status, 1)
    assert.is(stdout, '')
    assert.equal(left, [])
  }
})

test.run()
