// `npm run capture`: the tensors of its file are the library's, bit for bit; its table, its JSON and its errors.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBackend } from '../../engine/backends.ts'
import { openFile } from '../../engine/weights/files-node.ts'
import { openSafetensors } from '../../engine/weights/safetensors.ts'
import { toDense } from '../../engine/sparse.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { readTensor } from '../../engine/weights/weights.ts'
import { openModel } from '../../experiments/lab/models/models.ts'
import { hookNames } from '../../gpt2/hooks.ts'
import { capture } from '../../gpt2/model.ts'
import { encode } from '../../sae/encoder.ts'
import { isOneLine, runScript } from '../helpers/cli.ts'

interface Result {
  ids: number[]
  tokens: string[]
  bos: string
  basis: string
  out: string
  tensors: { name: string; shape: number[]; min: number; max: number }[]
}

const folder = mkdtempSync(join(tmpdir(), 'capture-'))
const out = join(folder, 'deep', 'activations.safetensors')
const run = (...args: string[]) =>
  runScript('experiments/tools/capture/main.ts', ['--backend', 'reference', ...args, '--json'])

function json(...args: string[]): Result {
  const { status, stdout, stderr } = run('--out', out, ...args)
  assert.is(stderr, '')
  assert.is(status, 0)
  return JSON.parse(stdout) as Result
}

async function written(path = out) {
  const store = await openSafetensors(await openFile(path))
  const tensors = new Map<string, Tensor>()
  for (const name of store.names()) tensors.set(name, await readTensor(store.get(name)))
  const metadata = Object.fromEntries(store.metadata ?? [])
  await store.close()
  return { tensors, metadata }
}

const ops = await createBackend('reference')
const model = await openModel('tiny', ops, { quiet: true })
const command = suite('capture')
command.after(async () => {
  await ops.dispose()
  rmSync(folder, { recursive: true })
})

const sae = '.hook_sae_acts_post'
const text = 'x = {"a": 1}  👩‍👩‍👧 <|endoftext|>'

command('writes every hook of the model and every SAE’s features, as the library computes them', async () => {
  const hooks = hookNames(model.gpt2.config)
  const features = model.saeHooks.map((hook) => hook + sae)
  const result = json('--text', text, '--hooks', [...features, ...hooks].join(','))
  const { tensors, metadata } = await written()
  const ids = model.tokenize(text)
  assert.equal(result.ids, ids)
  assert.is(metadata.ids, ids.join(','))
  assert.is(metadata.rows, `[[0,${ids.length}]]`)
  assert.is(metadata.model, 'tiny')
  assert.is(metadata.backend, 'reference')
  assert.is(metadata.mode, ops.mode)
  assert.equal([...tensors.keys()].sort(), [...features, ...hooks].sort())
  assert.equal(
    result.tensors.map(({ name }) => name),
    [...features, ...hooks],
  )

  const expected = await capture(model.gpt2, [ids], hooks)
  for (const hook of hooks) {
    assert.equal(tensors.get(hook)!.shape, expected.get(hook)!.shape, hook)
    assert.equal(tensors.get(hook)!.data, expected.get(hook)!.data, hook)
  }
  for (const hook of model.saeHooks) {
    const one = await model.openSae(hook)
    const dense = toDense(await encode(ops, one, ops.upload(expected.get(hook)!)))
    assert.equal(tensors.get(hook + sae)!.shape, [ids.length, 1024])
    assert.equal(tensors.get(hook + sae)!.data, dense.data, hook)
  }

  const shapes = { logits: [ids.length, 4097], 'blocks.2.attn.hook_pattern': [4, ids.length, ids.length] }
  for (const [name, shape] of Object.entries(shapes)) assert.equal(tensors.get(name)!.shape, shape)
  for (const { name, shape, min, max } of result.tensors) {
    const { data, shape: inFile } = tensors.get(name)!
    const sorted = data.toSorted()
    assert.equal(shape, inFile)
    assert.is(min, Number(sorted[0].toPrecision(4)))
    assert.is(max, Number(sorted[sorted.length - 1].toPrecision(4)))
  }
})

command('--text puts <|endoftext|> before the text, --ids adds nothing', async () => {
  const hooks = ['--hooks', 'hook_embed,logits']
  const fromText = json('--text', 'def f', ...hooks)
  const bytes = readFileSync(out)
  assert.equal(fromText.ids.slice(0, 2), [4096, model.tokenizer.encode('def f')[0]])
  assert.is(fromText.bos, '<|endoftext|> before the text')
  assert.is(fromText.tokens[0], '<|endoftext|>')

  const fromIds = json('--ids', fromText.ids.join(','), ...hooks)
  assert.equal(readFileSync(out), bytes)
  assert.is(fromIds.bos, 'nothing added to the ids given')

  const without = fromText.ids.slice(1)
  assert.equal(json('--ids', without.join(', '), ...hooks).ids, without)
  const { tensors } = await written()
  assert.is(tensors.get('logits')!.shape[0], without.length)
  const expected = await capture(model.gpt2, [without], ['logits'])
  assert.equal(tensors.get('logits')!.data, expected.get('logits')!.data)
})

command('says on which basis the SAEs read', () => {
  const plain = json('--ids', '5', '--hooks', 'hook_embed')
  assert.is(plain.basis, 'the stream as it is')
  const features = json('--ids', '5', '--hooks', `blocks.1.hook_resid_pre${sae}`)
  assert.is(features.basis, 'SAEs read the residual stream minus its mean over d_model')
})

command('without --json, prints the tokens and a table, and no text steers the terminal', () => {
  const { status, stdout, stderr } = runScript('experiments/tools/capture/main.ts', [
    ...[
      '--text',
      'red \u001b[31m\u009b',
      '--hooks',
      'hook_embed',
      '--out',
      join(folder, 'plain.safetensors'),
    ],
  ])
  assert.is(status, 0)
  assert.is(stderr, '')
  assert.match(stdout, /tokens +"<\|endoftext\|>" "red?"/)
  assert.match(stdout, /│ hook_embed │ \d+ x 128 │ +-?[\d.]+ │ +[\d.]+ │/)
  assert.not.match(stdout, /[\u001b\u009b]/)
})

const usage: [what: string, args: string[], message: RegExp][] = [
  [
    'neither a text nor ids',
    ['--hooks', 'logits', '--out', out],
    /error: give --text, --file, --texts or --ids\n/,
  ],
  [
    'a text and ids',
    ['--text', 'x', '--ids', '1', '--hooks', 'logits', '--out', out],
    /'--ids <list>' cannot be used with option '--text <text>'/,
  ],
  ['no hooks', ['--text', 'x', '--out', out], /required option '--hooks <list>'/],
  ['an empty list of hooks', ['--text', 'x', '--hooks', '', '--out', out], /hooks: expected entries/],
  ['no file', ['--text', 'x', '--hooks', 'logits'], /required option '--out <file>'/],
  ['an empty file name', ['--text', 'x', '--hooks', 'logits', '--out', ''], /--out needs the name of a file/],
  [
    'a negative id',
    ['--ids', '1,-1', '--hooks', 'logits', '--out', out],
    /id: expected a whole number from 0/,
  ],
  ['a gap in the ids', ['--ids', '1,,2', '--hooks', 'logits', '--out', out], /ids: expected entries/],
]
for (const [what, args, message] of usage)
  command(`${what} is wrong usage, exit code 2`, () => {
    const { status, stdout, stderr } = run(...args)
    assert.is(status, 2)
    assert.is(stdout, '')
    assert.match(stderr, message)
    assert.match(stderr, 'see the options with: npm run capture -- --help')
  })

const failures: [what: string, args: string[], message: RegExp][] = [
  [
    'a typo in a hook',
    ['--text', 'x', '--hooks', 'blocks.3.hook_resid_per'],
    /^error: hook "blocks.3.hook_resid_per" is not known: did you mean blocks.3.hook_resid_pre\?/,
  ],
  ['an empty text', ['--text', ''], /^error: the text is empty/],
  ['a text too long', ['--text', 'Q;'.repeat(128)], /^error: text "Q;.*at most 255 are allowed/],
  [
    'an id outside the vocabulary',
    ['--ids', '7,4097'],
    /position 1: id 4097 is not in the vocabulary 0\.\.4096/,
  ],
  ['more ids than positions', ['--ids', Array(257).fill(1).join(',')], /257 tokens, .* 256 positions/],
  [
    'an unknown hook',
    ['--ids', '1', '--hooks', 'blocks.3.hook_resid'],
    /hook "blocks\.3\.hook_resid" is not known/,
  ],
  ['__proto__ as a hook', ['--ids', '1', '--hooks', '__proto__'], /hook "__proto__" is not known/],
  ['a block too deep', ['--ids', '1', '--hooks', 'blocks.6.hook_resid_pre'], /this model has blocks 0\.\.5/],
  [
    'an SAE that is not there',
    ['--ids', '1', '--hooks', `logits${sae}`],
    /no SAE of tiny for logits; there are: blocks\.0/,
  ],
  ['a folder as the file', ['--ids', '1', '--out', folder], /: it is a folder; name a file in it/],
]
for (const [what, args, message] of failures)
  command(`${what} is one line, exit code 1, and nothing written`, () => {
    const before = readdirSync(folder)
    const target = join(folder, 'never.safetensors')
    const { status, stdout, stderr } = run('--hooks', 'logits', '--out', target, ...args)
    assert.is(status, 1)
    assert.is(stdout, '')
    assert.match(stderr, message)
    assert.ok(isOneLine(stderr), stderr)
    assert.equal(readdirSync(folder), before)
  })

command('a file that stood there survives an error', () => {
  const path = join(folder, 'old.safetensors')
  writeFileSync(path, 'old')
  assert.is(run('--ids', '9999', '--hooks', 'logits', '--out', path).status, 1)
  assert.is(readFileSync(path, 'utf8'), 'old')
})

command.run()
