// `npm run train-sae --activations`: trained on what a corpus stored, streamed, resumed to the same bits; another model's is refused.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBackend } from '../../engine/backends.ts'
import { openFile } from '../../engine/weights/files-node.ts'
import { encodeSafetensors, openSafetensors } from '../../engine/weights/safetensors.ts'
import { readTensor } from '../../engine/weights/weights.ts'
import { plainConfig } from '../../sae/config.ts'
import { Tensor } from '../../engine/tensor.ts'
import type { Manifest } from '../../experiments/lab/analysis/corpus/corpus-format.ts'
import { openModel } from '../../experiments/lab/models/models.ts'
import { openStored, StoredSource } from '../../experiments/tools/train-sae/stored-source-node.ts'
import { isOneLine, runScript, stopScript } from '../helpers/cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'train-sae-stored-'))
const out = (name: string) => join(folder, name)
const hook = 'blocks.2.hook_resid_pre'
const script = 'experiments/tools/train-sae/main.ts'
const small = ['--hook', hook, '--d-sae', '128', '--buffer', '1024', '--batch', '256', '--tokens', '8k']
const train = (name: string, ...args: string[]) => runScript(script, [...args, '--json', '--out', out(name)])

const test = suite('train-sae on a store')
test.before(() => {
  const texts = join(import.meta.dirname, '../../experiments/lab/texts/texts.json')
  const args = ['--texts', texts, '--layers', '2', '--shard-tokens', '1300', '--store', hook]
  const { status, stderr } = runScript('experiments/tools/corpus/main.ts', [
    ...[...args, '--out', out('corpus'), '--json'],
  ])
  assert.is(status, 0, stderr)
})
test.after(() => rmSync(folder, { recursive: true }))

const manifestOf = (name: string) =>
  JSON.parse(readFileSync(out(`${name}/manifest.json`), 'utf8')) as Manifest

test('an epoch has every stored token once, centred, in an order that the seed decides', async () => {
  const ops = await createBackend('wasm', { threads: 1 })
  const model = await openModel('tiny', ops, { quiet: true })
  const { model_sha256, texts } = manifestOf('corpus')
  const stored = await openStored(out('corpus'), hook, { name: 'tiny', sha256: model_sha256 })
  const expected: string[] = []
  for (const { path } of stored.files) {
    const store = await openSafetensors(await openFile(path))
    const rows = await readTensor(store.get(hook))
    for (let row = 0; row < rows.shape[0]; row++) {
      const mean = rows.row(row).reduce((sum, value) => sum + value, 0) / 128
      expected.push(keyOf(rows.row(row).map((value) => value - mean)))
    }
    await store.close()
  }
  const config = plainConfig({ dIn: 128, dSae: 8, hookName: hook, centered: true, modelName: 'tiny' })
  const epoch = async (seed: number, position = 0) => {
    const source = new StoredSource(model, config, stored, seed, position)
    const keys: string[] = []
    while (keys.length < texts.tokens) {
      const rows = await source.next()
      for (let row = 0; row < rows.shape[0]; row++) keys.push(keyOf(rows.row(row)))
    }
    return { keys, position: source.position }
  }
  const first = await epoch(0)
  assert.equal(first.keys.toSorted(), expected.toSorted())
  assert.equal((await epoch(0)).keys, first.keys)
  const again = await epoch(0, first.position)
  assert.equal(again.keys.toSorted(), expected.toSorted())
  assert.not.equal(again.keys, first.keys, 'another order in the second epoch')
  assert.not.equal((await epoch(1)).keys, first.keys, 'another order of another seed')
  model[Symbol.dispose]()
  await ops.dispose()
})

/** Numbers to three digits: the mean is summed in another order here. */
const keyOf = (row: Float32Array): string => Array.from(row, (value) => Math.round(1e3 * value)).join()

test('stopped and resumed, it ends with the files of a run that was not', () => {
  const args = [...small, '--activations', out('corpus'), '--checkpoint', '1k']
  const whole = train('whole', ...args)
  assert.is(whole.status, 0, whole.stderr)
  const { history } = JSON.parse(whole.stdout) as { history: { loss: number }[] }
  assert.ok(history.at(-1)!.loss < 0.8 * history[0].loss, 'the loss falls')
  const stop = { name: 'checkpoint.safetensors', times: 3, signal: 'SIGKILL' } as const
  assert.is(stopScript(script, [...args, '--json', '--out', out('cut')], stop).status, null)
  const refusal = train('cut', '--resume', '--hook', hook)
  assert.is(refusal.status, 1)
  assert.match(
    refusal.stderr,
    /texts’ token ids \(SHA-256\) was store [0-9a-f]{64}, now it is [0-9a-f]{64}: /,
  )
  const resumed = train('cut', '--resume', '--activations', out('corpus'))
  assert.is(resumed.status, 0, resumed.stderr)
  for (const name of ['cfg.json', 'sae_weights.safetensors'])
    assert.ok(readFileSync(out(`cut/${name}`)).equals(readFileSync(out(`whole/${name}`))), name)
})

test('a store of other weights, another hook, or with a file that is not its own is refused in a line', () => {
  const refused = (name: string, message: string, ...more: string[]) => {
    const { status, stdout, stderr } = train('none', ...small, '--activations', out(name), ...more)
    assert.is(status, 1, stderr)
    assert.is(stdout, '')
    assert.ok(isOneLine(stderr), stderr)
    const said = stderr.replaceAll(folder, 'FOLDER').trimEnd()
    assert.ok(said.includes(message), said)
  }
  const copy = (name: string) => cpSync(out('corpus'), out(name), { recursive: true })
  const other = 'f'.repeat(64)
  const { model_sha256 } = manifestOf('corpus')
  copy('other')
  const manifest = out('other/manifest.json')
  writeFileSync(manifest, JSON.stringify({ ...manifestOf('corpus'), model_sha256: other }))
  refused(
    'other',
    `error: --activations FOLDER/other: they are those of tiny, weights ffffffffffff, but tiny has ${model_sha256.slice(0, 12)}: name that model with --model, or make the corpus again with this one`,
  )
  refused(
    'corpus',
    'FOLDER/corpus: it keeps blocks.2.hook_resid_pre of each token, not blocks.3.hook_resid_pre: make a corpus with --store blocks.3.hook_resid_pre',
    ...['--hook', 'blocks.3.hook_resid_pre'],
  )
  copy('bad')
  const [first] = readdirSync(out('bad/hooks')).sort()
  const file = (model: string, rows: number) =>
    encodeSafetensors([[hook, Tensor.zeros([rows, 128])]], new Map([['model_sha256', model]]))
  const again = ': put back what npm run corpus wrote, or make the corpus again'
  writeFileSync(out(`bad/hooks/${first}`), file(other, 3))
  refused(
    'bad',
    `FOLDER/bad/hooks/${first}: it is of the model ffffffffffff, the corpus of ${model_sha256.slice(0, 12)}${again}`,
  )
  writeFileSync(out(`bad/hooks/${first}`), file(model_sha256, 3))
  refused('bad', ` tokens of ${hook}, but the corpus ${manifestOf('corpus').texts.tokens}${again}`)
  truncateSync(out(`bad/hooks/${first}`), 500)
  refused('bad', `FOLDER/bad/hooks/${first}: `)
  refused('bad', again)
  rmSync(out(`bad/hooks/${first}`))
  refused('bad', `FOLDER/bad/hooks/${first}: there is no such file, but the corpus has `)
  refused('none', 'there is no finished corpus, as manifest.json is missing')
})

test.run()
