// `npm run train-sae`: what it writes is an SAE that the other commands read; a stopped run goes on to the same bits.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBackend } from '../../engine/backends.ts'
import { openModel } from '../../experiments/lab/models/models.ts'
import { plainConfig } from '../../sae/config.ts'
import {
  checkCircumstances,
  readCheckpoint,
  writeCheckpoint,
} from '../../experiments/lab/models/checkpoint.ts'
import { firstTexts } from '../../experiments/lab/texts/held-out.ts'
import { sourceTexts } from '../../experiments/tools/train-sae/source-texts-node.ts'
import { arithmeticOf } from '../../experiments/lab/models/weights-hash.ts'
import { ModelSource } from '../../experiments/tools/train-sae/model-source.ts'
import { trainSae, type Trained } from '../../experiments/tools/train-sae/train.ts'
import { FORMAT, type SaeCheckpoint, type Settings } from '../../experiments/tools/train-sae/settings.ts'
import { isOneLine, runScript, stopScript } from '../helpers/cli.ts'
import { checkSameNumbers } from '../helpers/compare.ts'
import texts from '../../experiments/lab/texts/texts.json' with { type: 'json' }

const root = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'train-sae-'))
const mine = join(folder, 'mine')
cpSync(join(root, 'gpt2/tiny'), mine, { recursive: true })
const hook = 'blocks.1.hook_resid_pre'
const small = ['--model', mine, '--hook', hook, '--d-sae', '256', '--buffer', '2048', '--batch', '256']
const script = 'experiments/tools/train-sae/main.ts'
const train = (out: string, ...args: string[]) => runScript(script, [...args, '--out', join(folder, out)])

const test = suite('train-sae')
test.after(() => rmSync(folder, { recursive: true }))

interface Result {
  history: { loss: number; l0: number; explainedVariance: number; deadFeatures: number }[]
  qualities: Record<string, { l0: number; explained_variance: number; ce_recovered: number; tokens: number }>
}

test('trains an SAE in seconds, and the other commands read it', () => {
  const { status, stdout, stderr } = train('mine/sae/one', ...small, '--tokens', '50k', '--l1', '2', '--json')
  assert.is(stderr, '')
  assert.is(status, 0)
  const { history, qualities } = JSON.parse(stdout) as Result
  const mean = (points: Result['history']) => points.reduce((sum, { loss }) => sum + loss, 0) / points.length
  assert.ok(mean(history.slice(-20)) < 0.6 * mean(history.slice(0, 20)), 'the loss falls')
  const quality = qualities['trained here']
  assert.ok(quality.explained_variance > 0.6, `explained: ${quality.explained_variance}`)
  assert.ok(quality.l0 > 5 && quality.l0 < 100, `L0: ${quality.l0}`)
  assert.ok(quality.ce_recovered > 0.5, `recovered: ${quality.ce_recovered}`)
  const written = ['cfg.json', 'report.html', 'sae_weights.safetensors']
  assert.equal(readdirSync(join(mine, 'sae/one')).sort(), written)
  assert.match(readFileSync(join(mine, 'sae/one/report.html'), 'utf8'), 'Explained variance')

  const args = ['--model', mine, '--layer', '1', '--feature', '7', '--out', join(folder, 'feature')]
  const feature = runScript('experiments/feature/main.ts', args)
  assert.is(feature.status, 0, feature.stderr)
  const sites = [
    '--text',
    'Hello',
    '--hooks',
    `${hook}.hook_sae_acts_post`,
    '--out',
    join(folder, 'f.safetensors'),
  ]
  assert.is(runScript('experiments/tools/capture/main.ts', ['--model', mine, ...sites]).status, 0)
})

/** The threshold of BatchTopK and Matryoshka begins at 0 and has come 95 % of the way after these 313 batches. */
const KINDS = {
  topk: { savedAs: 'topk', l0: [11, 12] },
  batchtopk: { savedAs: 'jumprelu', l0: [9, 20] },
  matryoshka: { savedAs: 'jumprelu', l0: [9, 20] },
  jumprelu: { savedAs: 'jumprelu', l0: [10, 250] },
  gated: { savedAs: 'gated', l0: [10, 128] },
} as const
for (const [architecture, { savedAs, l0 }] of Object.entries(KINDS))
  test(`trains a ${architecture} SAE, which is read as ${savedAs}`, () => {
    const model = join(folder, architecture)
    cpSync(join(root, 'gpt2/tiny'), model, { recursive: true })
    const args = [
      ...small,
      '--architecture',
      architecture,
      '--k',
      '12',
      '--rate',
      '2e-3',
      '--tokens',
      '20k',
      '--batch',
      '64',
    ]
    const sae = join(model, 'sae/one')
    const { status, stdout, stderr } = runScript(script, [...args, '--json', '--out', sae])
    assert.is(status, 0, stderr)
    const config = JSON.parse(readFileSync(join(sae, 'cfg.json'), 'utf8')) as { architecture: string }
    assert.is(config.architecture, savedAs)
    const quality = (JSON.parse(stdout) as Result).qualities['trained here']
    assert.ok(quality.l0 >= l0[0] && quality.l0 <= l0[1], `L0: ${quality.l0}`)
    assert.ok(quality.explained_variance > 0.5, `explained: ${quality.explained_variance}`)
    const hooks = ['--hooks', `${hook}.hook_sae_acts_post`, '--out', join(folder, 'acts.safetensors')]
    const capture = ['--model', model, '--text', 'Hello', ...hooks]
    const read = runScript('experiments/tools/capture/main.ts', capture)
    assert.is(read.status, 0, read.stderr)
  })

const settings: Settings = {
  ...{ hook, architecture: 'standard', dSae: 128, tokens: 8192, batch: 256, buffer: 1024 },
  ...{ rate: 1e-3, l1: 2, l0: 0.5, k: 8, rescale: false, widths: [], seed: 3 },
}
const circumstances = { model: 'm', texts: 't', arithmetic: 'a' }

/** Trains in this process; `stopAt`: throws once the checkpoint after so many steps is written. */
async function trained(stopAt?: number, threads = 2): Promise<Trained> {
  const ops = await createBackend('wasm', { threads })
  try {
    const model = await openModel('tiny', ops, { quiet: true })
    const config = plainConfig({ dIn: 128, dSae: 128, hookName: hook, centered: true, modelName: 'tiny' })
    const ids = Object.values(texts).flatMap((ofOne) => ofOne.slice(0, 3).map((text) => model.tokenize(text)))
    const from = existsSync(join(folder, 'stopped/checkpoint.safetensors'))
      ? await readCheckpoint<SaeCheckpoint>(join(folder, 'stopped'), FORMAT)
      : undefined
    const sourceAt = (position?: number) => new ModelSource(model, config, ids, settings.seed, position)
    const save = async (checkpoint: SaeCheckpoint) => {
      if (stopAt === undefined) return
      await writeCheckpoint(join(folder, 'stopped'), FORMAT, checkpoint)
      if (checkpoint.steps === stopAt) throw new Error('stopped')
    }
    return await trainSae(ops, config, sourceAt, {
      settings,
      circumstances,
      from,
      every: 5,
      save,
      quiet: true,
    })
  } finally {
    await ops.dispose()
  }
}

test('a run that was stopped twice goes on to the same bits, whatever the threads', async () => {
  const whole = await trained()
  for (const [stopAt, threads] of [
    [0, 2],
    [5, 1],
    [20, 2],
  ])
    await trained(stopAt, threads).then(
      () => assert.unreachable('it was to stop'),
      (error: Error) => assert.is(error.message, 'stopped'),
    )
  const resumed = await trained(undefined, 1)
  assert.equal([...resumed.weights.keys()], ['W_enc', 'b_enc', 'W_dec', 'b_dec'])
  for (const [name, { data }] of resumed.weights) checkSameNumbers(data, whole.weights.get(name)!.data, name)
  assert.equal(resumed.history, whole.history)
  assert.is(resumed.scale, whole.scale)
})

test('Ctrl-C leaves a checkpoint alone, and --resume ends with the files of a run without it', () => {
  const args = [...small, '--tokens', '8k', '--checkpoint', '1k', '--json']
  assert.is(train('whole', ...args).status, 0)
  const out = join(folder, 'cut')
  const stop = { name: 'checkpoint.safetensors', times: 2, signal: 'SIGINT' } as const
  assert.is(stopScript(script, [...args, '--out', out], stop).status, 130)
  assert.equal(readdirSync(out), ['checkpoint.safetensors'])
  const resumed = train('cut', '--model', mine, '--resume', '--json')
  assert.is(resumed.status, 0, resumed.stderr)
  for (const name of ['cfg.json', 'sae_weights.safetensors'])
    assert.equal(readFileSync(join(out, name)), readFileSync(join(folder, 'whole', name)), name)
  assert.not.ok(existsSync(join(out, 'checkpoint.safetensors')))
})

test('what a run cannot begin with or go on from is refused in a line', () => {
  const refused = (out: string, args: readonly string[], words: string) => {
    const { status, stdout, stderr } = train(out, ...args)
    assert.is(status, 1, words)
    assert.is(stdout, '')
    assert.ok(isOneLine(stderr) && stderr.includes(words), stderr)
  }
  refused('none', ['--resume', '--json'], 'there is no such file: start without --resume')
  refused('none', ['--buffer', '8', '--json'], 'expected at least the 1024 tokens of a batch')
  refused('none', ['--architecture', 'topk', '--d-sae', '8', '--json'], 'at most the 8 features')
  refused(
    'none',
    ['--architecture', 'matryoshka', '--widths', '64,2000', '--json'],
    'at most the 1024 features',
  )
  refused('none', ['--hook', 'blocks.9.hook_resid_pre', '--json'], 'tiny has blocks 0..5')
  refused('stopped', ['--json'], 'holds a checkpoint: continue with --resume')
  refused('stopped', ['--resume', '--seed', '4', '--json'], 'was started with seed 3, not 4')
  refused('stopped', ['--resume', '--json'], 'weights (SHA-256) was m, now it is ')
  const own = join(folder, 'one.json')
  writeFileSync(own, JSON.stringify({ a: ['One text.'] }))
  refused('none', ['--texts', own, '--json'], 'expected two texts at least')
  assert.not.ok(existsSync(join(folder, 'none')))
})

test('its own sources are texts of a checkout, and of nothing else', async () => {
  const found = await sourceTexts(root)
  assert.ok(found.length > 500, `${found.length} texts`)
  assert.equal([...new Set(found.map(({ category }) => category))].sort(), ['code', 'prose'])
  assert.ok(found.some(({ text }) => text.includes('This very line is read, too')))
  const bytes = found.reduce((sum, { text }) => sum + text.length, 0)
  assert.ok(bytes > 2.5e6 && bytes < 6e6, `${bytes} characters`)
  await sourceTexts(folder).then(
    () => assert.unreachable(),
    (error: Error) => assert.match(error.message, 'is no checkout of clearbox: name texts of your own'),
  )
})

test('texts from the first on are measured until they have enough tokens', () => {
  const texts = [
    [0, 1, 2],
    [0, 3],
    [0, 4, 5, 6],
    [0, 7],
  ]
  assert.equal(firstTexts(texts, 3), texts.slice(0, 2))
  assert.equal(firstTexts(texts, 4), texts.slice(0, 3))
  assert.equal(firstTexts(texts, 100), texts)
})

test('other weights, texts or arithmetic are refused; another number of threads is none', async () => {
  for (const name of ['model', 'texts', 'arithmetic'] as const)
    assert.throws(
      () => checkCircumstances(circumstances, { ...circumstances, [name]: 'other' }),
      new RegExp(`was ${circumstances[name]}, now it is other: the numbers would differ`),
    )
  const [one, two] = [
    await createBackend('wasm', { threads: 1 }),
    await createBackend('wasm', { threads: 2 }),
  ]
  assert.is(arithmeticOf(one), arithmeticOf(two))
  const plain = await createBackend('wasm', { threads: 1, paired: false })
  assert.match(arithmeticOf(plain), /^wasm: simd.* 128-bit$/)
  for (const ops of [one, two, plain]) await ops.dispose()
})

test.run()
