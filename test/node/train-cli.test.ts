// `npm run train`: what it writes is a model that the other commands read; a stopped run goes on to the same bits.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBackend } from '../../engine/backends.ts'
import { createRandom } from '../../engine/random.ts'
import { memoryStore } from '../../engine/weights/weights.ts'
import { parseConfig } from '../../gpt2/config.ts'
import { textLosses } from '../../gpt2/loss.ts'
import { loadGpt2 } from '../../gpt2/model.ts'
import { UserError } from '../../experiments/lab/cli/user-error.ts'
import { splitTexts } from '../../experiments/lab/texts/held-out.ts'
import { readCheckpoint, writeCheckpoint } from '../../experiments/lab/models/checkpoint.ts'
import { configOf, newModel } from '../../experiments/tools/train/model.ts'
import { Batches, passagesOf } from '../../experiments/tools/train/passages.ts'
import { FORMAT, type Gpt2Checkpoint, type Settings } from '../../experiments/tools/train/settings.ts'
import { trainGpt2, type Trained } from '../../experiments/tools/train/train.ts'
import { reference } from '../helpers/backends.ts'
import { isOneLine, runScript, stopScript } from '../helpers/cli.ts'
import { checkSameNumbers } from '../helpers/compare.ts'

const folder = mkdtempSync(join(tmpdir(), 'train-'))
const script = 'experiments/tools/train/main.ts'
const small = ['--layers', '1', '--width', '32', '--heads', '2', '--context', '32', '--vocabulary', '400']
const train = (out: string, ...args: string[]) => runScript(script, [...args, '--out', join(folder, out)])

const test = suite('train')
test.after(() => rmSync(folder, { recursive: true }))

test('trains a model in seconds, and the other commands read it', () => {
  const mine = join(folder, 'one')
  const { status, stdout, stderr } = train('one', ...small, '--tokens', '60k', '--rate', '0.01', '--json')
  assert.is(stderr, '')
  assert.is(status, 0)
  const { heldOut, history, parameters } = JSON.parse(stdout) as Trained & { parameters: number }
  assert.ok(heldOut < 0.85 * Math.log(400), `loss ${heldOut}`)
  assert.ok(history.every(({ tokens }, i) => i === 0 || tokens > history[i - 1].tokens))
  assert.is(
    parameters,
    400 * 32 + 32 * 32 + 2 * 64 + 64 + (32 * 96 + 96) + (32 * 32 + 32) + 2 * 32 * 128 + 160,
  )
  const written = ['config.json', 'model.safetensors', 'report.html', 'tokenizer_config.json']
  assert.equal(readdirSync(mine).sort(), written)
  assert.match(readFileSync(join(mine, 'report.html'), 'utf8'), 'A GPT-2, trained')

  const prompt = ['--model', mine, '--prompt', 'The', '--tokens', '5']
  const generated = runScript('experiments/tools/generate/main.ts', prompt)
  assert.is(generated.status, 0, generated.stderr)
  const doctor = runScript('experiments/tools/doctor/main.ts', [mine])
  assert.is(doctor.status, 0, doctor.stdout + doctor.stderr)
})

test('takes a config and a tokenizer as they are, and writes both', () => {
  const tokenizer = join(import.meta.dirname, '../reference/own-tokenizer/plain')
  const config = join(folder, 'config.json')
  const fields = { model_type: 'gpt2', n_layer: 1, n_embd: 16, n_head: 2, n_positions: 16, n_inner: 24 }
  writeFileSync(config, JSON.stringify({ ...fields, vocab_size: 600, activation_function: 'relu' }))
  const args = ['--config', config, '--tokenizer', tokenizer, '--tokens', '2k', '--json']
  const { status, stderr } = train('own', ...args)
  assert.is(status, 0, stderr)
  const written = parseConfig(readFileSync(join(folder, 'own/config.json'), 'utf8'))
  const { nLayers, dMlp, activation, dVocab } = written
  assert.equal(
    { nLayers, dMlp, activation, dVocab },
    { nLayers: 1, dMlp: 24, activation: 'relu', dVocab: 600 },
  )
  for (const name of ['tokenizer.json', 'vocab.json'].filter((name) => existsSync(join(tokenizer, name))))
    assert.equal(readFileSync(join(folder, 'own', name)), readFileSync(join(tokenizer, name)))
  const prompt = ['--model', join(folder, 'own'), '--prompt', 'The', '--tokens', '2']
  const generated = runScript('experiments/tools/generate/main.ts', prompt)
  assert.is(generated.status, 0, generated.stderr)
})

test('passages begin with BOS and hold every token once; batches hold every passage before one comes again', () => {
  const texts = [
    [9, 1, 2, 3],
    [9, 4],
    [9, 5, 6, 7, 8],
  ]
  const passages = passagesOf(texts, 4)
  assert.equal(passages, [
    [9, 1, 2, 3],
    [9, 9, 4, 9],
    [9, 5, 6, 7],
    [9, 8],
  ])
  const batches = new Batches(passages, 3, 1)
  const four = [0, 1, 2, 3].flatMap((step) => batches.of(step))
  for (const epoch of [four.slice(0, 4), four.slice(4, 8), four.slice(8)])
    assert.equal([...epoch].sort(), [...passages].sort())
  assert.equal(new Batches(passages, 3, 1).of(2), four.slice(6, 9))
  assert.not.equal(four.slice(0, 4), four.slice(4, 8))
  assert.equal(batches.of(0), four.slice(0, 3), 'asked back')
  assert.not.equal(new Batches(passages, 12, 2).of(0), four, 'another seed')
})

test('each text is trained on or held out', () => {
  const texts = Array.from({ length: 41 }, (_, i) => [9, i])
  const { training, heldOut } = splitTexts(texts, 1)
  assert.is(heldOut.length, 3)
  assert.equal([...training, ...heldOut].sort(), [...texts].sort())
})

const config = {
  ...parseConfig('{"model_type":"gpt2","n_layer":2,"n_embd":16,"n_head":2,"n_positions":8,"vocab_size":20}'),
  bos: 19,
}
const settings: Settings = { config: '', tokens: 640, batch: 4, rate: 1e-2, weightDecay: 0.01, seed: 3 }
const circumstances = { texts: 't', arithmetic: 'a' }

const random = createRandom(1)
const texts = Array.from({ length: 12 }, () => [19, ...Array.from({ length: 20 }, () => random.index(19))])

/** Trains in this process; `stopAt`: throws once the checkpoint after so many steps is written. */
async function trained(stopAt?: number, threads = 2): Promise<Trained> {
  const ops = await createBackend('wasm', { threads })
  try {
    const stopped = join(folder, 'stopped')
    const from = existsSync(stopped) ? await readCheckpoint<Gpt2Checkpoint>(stopped, FORMAT) : undefined
    const save = async (checkpoint: Gpt2Checkpoint) => {
      if (stopAt === undefined) return
      await writeCheckpoint(stopped, FORMAT, checkpoint)
      if (checkpoint.steps === stopAt) throw new Error('stopped')
    }
    const split = { training: texts.slice(3), heldOut: texts.slice(0, 3) }
    const options = { settings, circumstances, from, every: 5 * 32, save, quiet: true }
    return await trainGpt2(ops, config, split, options)
  } finally {
    await ops.dispose()
  }
}

test('a run that was stopped twice goes on to the same bits, whatever the threads', async () => {
  const whole = await trained()
  for (const [stopAt, threads] of [
    [0, 2],
    [5, 1],
    [15, 2],
  ])
    await trained(stopAt, threads).then(
      () => assert.unreachable('it was to stop'),
      (error: Error) => assert.is(error.message, 'stopped'),
    )
  const resumed = await trained(undefined, 1)
  assert.is(resumed.weights.size, 4 + 12 * 2)
  for (const [name, { data }] of resumed.weights) checkSameNumbers(data, whole.weights.get(name)!.data, name)
  assert.equal(resumed.history, whole.history)
  assert.is(resumed.heldOut, whole.heldOut)

  const model = await loadGpt2(reference, memoryStore('trained', whole.weights), config)
  const passages = passagesOf(texts.slice(0, 3), config.nCtx)
  let nats = 0
  for (const passage of passages) nats += (await textLosses(model, [passage]))[0]
  const predictions = passages.flat().length - passages.length
  assert.is(predictions, 62)
  assert.ok(
    Math.abs(whole.heldOut - nats / predictions) < 1e-5,
    `${whole.heldOut}, by hand ${nats / predictions}`,
  )
  assert.ok(
    whole.history.some(({ heldOut }) => heldOut !== undefined),
    'measured on the way',
  )
})

test('Ctrl-C and kill -9 leave a checkpoint alone, and --resume ends with the files of a run without them', () => {
  const args = [...small, '--tokens', '8k', '--checkpoint', '2k', '--json']
  assert.is(train('whole', ...args).status, 0)
  for (const [signal, status] of [
    ['SIGINT', 130],
    ['SIGKILL', null],
  ] as const) {
    const out = join(folder, signal)
    const stop = { name: 'checkpoint.safetensors', times: 2, signal }
    const cut = stopScript(script, [...args, '--out', out], stop)
    assert.equal([cut.status, cut.stdout], [status, ''], signal)
    assert.equal(readdirSync(out), ['checkpoint.safetensors'], signal)
    const resumed = train(signal, '--resume', '--json')
    assert.is(resumed.status, 0, resumed.stderr)
    for (const name of ['config.json', 'model.safetensors'])
      assert.equal(
        readFileSync(join(out, name)),
        readFileSync(join(folder, 'whole', name)),
        `${signal}: ${name}`,
      )
    assert.not.ok(existsSync(join(out, 'checkpoint.safetensors')))
  }
})

test('what a run cannot begin with or go on from is refused in a line', async () => {
  const refused = (out: string, args: readonly string[], words: string) => {
    const { status, stdout, stderr } = train(out, ...args, '--json')
    assert.is(status, 1, words)
    assert.is(stdout, '')
    assert.ok(isOneLine(stderr) && stderr.includes(words), stderr)
  }
  refused('none', ['--resume'], 'there is no such file: start without --resume')
  refused('none', ['--width', '30', '--heads', '4'], 'n_embd 30 does not split into n_head 4 heads')
  refused('none', ['--config', join(folder, 'config.json'), '--layers', '3'], '--layers beside --config')
  const own = join(folder, 'one.json')
  writeFileSync(own, JSON.stringify({ a: ['One text.'] }))
  refused('none', ['--texts', own], 'expected two texts at least')
  assert.not.ok(existsSync(join(folder, 'none')))

  const begun = { ...settings, config: readFileSync(join(folder, 'whole/config.json'), 'utf8') }
  const checkpoint = { settings: begun, circumstances, steps: 0, history: [], tensors: new Map() }
  await writeCheckpoint(join(folder, 'begun'), FORMAT, checkpoint)
  refused('begun', [], 'holds a checkpoint: continue with --resume')
  refused('begun', ['--resume', '--seed', '4'], 'was started with seed 3, not 4')
  refused('begun', ['--resume', '--layers', '2'], 'was started with a model of other sizes')
  refused('begun', ['--resume'], 'texts’ token ids (SHA-256) was t, now it is ')
})

test('sizes, tokenizers and checkpoints that do not fit are refused by name', async () => {
  const refused = async (work: Promise<unknown>, words: string) => {
    const error: unknown = await work.then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    assert.instance(error, UserError, words)
    assert.ok((error as Error).message.includes(words), (error as Error).message)
  }
  const sizes = { layers: 1, width: 32, heads: 2, context: 32 }
  const json = await configOf({ ...sizes, vocabulary: 20 })
  await refused(newModel(json, undefined), 'vocabularySize 20 is not a whole number from 257')
  await refused(newModel(json, folder), 'has no <|endoftext|>')
  await refused(configOf({ ...sizes, config: join(folder, 'nowhere.json') }), 'there is no such file')
  await refused(
    configOf({ ...sizes, tokenizer: join(folder, 'nowhere') }),
    'no config.json to say how many tokens there are',
  )
  const checkpoint = { settings, circumstances, steps: 0, history: [], tensors: new Map() }
  await writeCheckpoint(join(folder, 'other'), 'clearbox train-sae 1', checkpoint)
  const read = readCheckpoint(join(folder, 'other'), FORMAT)
  await refused(read, 'expected a checkpoint of clearbox train 1, found clearbox train-sae 1')
})

test.run()
