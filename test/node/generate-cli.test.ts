// `npm run generate`: the same tokens as the library, streamed; what it says beside them, and its errors.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBackend } from '../../engine/backends.ts'
import { openModel } from '../../experiments/lab/models/models.ts'
import { generate } from '../../gpt2/generate.ts'
import { capture } from '../../gpt2/model.ts'
import { interruptScript, isOneLine, runScript } from '../helpers/cli.ts'

interface Result {
  model: string
  backend: string
  mode: string
  temperature: number
  topK: number | null
  topP: number | null
  seed: number
  prompt: string
  ids: number[]
  text: string
  ended: string
  prefill_ms: number
  tokens_per_second: number | null
  edit?: string[]
  edited?: Pick<Result, 'ids' | 'text' | 'ended' | 'prefill_ms' | 'tokens_per_second'>
}

const script = 'experiments/tools/generate/main.ts'
const write = (...args: string[]) => runScript(script, ['--backend', 'reference', ...args])

function json(...args: string[]): Result {
  const { status, stdout, stderr } = write('--json', ...args)
  assert.is(stderr, '')
  assert.is(status, 0)
  return JSON.parse(stdout) as Result
}

const ops = await createBackend('reference')
const model = await openModel('tiny', ops, { quiet: true })
const command = suite('generate')

command('greedy text is the library’s, and each token the most probable after all before it', async () => {
  const result = json('--prompt', 'def add(a, b):', '--temperature', '0', '--tokens', '6')
  const prompt = model.tokenize('def add(a, b):')
  const expected = await Array.fromAsync(generate(model.gpt2, prompt, 6, { temperature: 0 }))
  assert.equal(result.ids, expected)
  for (const made of [0, 3, 5]) {
    const ids = [...prompt, ...result.ids.slice(0, made)] // without a cache: all of it again
    const logits = (await capture(model.gpt2, [ids], ['logits'])).get('logits')!
    const last = logits.rows(ids.length - 1, ids.length).data
    assert.is(last.indexOf(Math.max(...last)), result.ids[made])
  }
  assert.is(result.text, model.tokenizer.decode(result.ids))
  assert.is(result.ended, 'after the 6 tokens asked for')
})

command('the same seed gives the same text, another seed another; the settings stand beside it', () => {
  const options = ['--prompt', 'The captain', '--tokens', '12', '--temperature', '1.1', '--top-p', '.9']
  const result = json(...options, '--seed', '7')
  assert.equal(json(...options, '--seed', '7').ids, result.ids)
  assert.not.equal(json(...options, '--seed', '8').ids, result.ids)
  const { model, backend, temperature, topK, topP, seed, prompt } = result
  assert.equal(
    { model, backend, temperature, topK, topP, seed, prompt },
    {
      model: 'tiny',
      backend: 'reference',
      temperature: 1.1,
      topK: null,
      topP: 0.9,
      seed: 7,
      prompt: 'The captain',
    },
  )
})

command('drawing from one token only is greedy, whatever the seed', () => {
  const options = ['--prompt', 'The captain', '--tokens', '5']
  const greedy = json(...options, '--temperature', '0')
  assert.equal(json(...options, '--top-k', '1', '--seed', '3').ids, greedy.ids)
})

command('streams prompt and text to standard output, all else to standard error', () => {
  const options = ['--prompt', ' --x\n"', '--tokens', '9', '--seed', '2']
  const { status, stdout, stderr } = write(...options)
  assert.is(status, 0)
  const { text } = json(...options)
  assert.is(stdout, ` --x\n"${text}\n`)
  assert.match(
    stderr,
    /^model tiny, backend reference, mode .*, temperature 0\.8, topK off, topP off, seed 2\nended .*\n\d+ tokens of prompt in \d+ ms, then 9 at \d+ tokens\/s\n$/,
  )
})

command('--edit: the text as without it, then with the changes, which are named', () => {
  const options = ['--prompt', 'def add(', '--tokens', '9', '--seed', '2']
  const { text, edit, edited } = json(...options)
  assert.equal([edit, edited], [undefined, undefined])
  const changed = json(...options, '--edit', 'off-3-74, up-3-7-40')
  assert.is(changed.text, text)
  assert.equal(changed.edit, ['off-3-74', 'up-3-7-40'])
  assert.is.not(changed.edited!.text, text)
  assert.is(changed.edited!.ids.length, 9)
  assert.is(changed.edited!.ended, 'after the 9 tokens asked for')
  const { status, stdout, stderr } = write(...options, '--edit', 'off-3-74,up-3-7-40')
  assert.is(status, 0)
  assert.is(stdout, `def add(${text}\ndef add(${changed.edited!.text}\n`)
  const end = 'ended .*\n5 tokens of prompt in \\d+ ms, then 9 at \\d+ tokens/s\n'
  assert.match(stderr, new RegExp(`^model tiny, .*\n${end}with off-3-74,up-3-7-40:\n${end}$`))
})

command('--edit: an SAE of --saes is checked on the prompt; --force', () => {
  const hook = 'blocks.3.hook_resid_pre'
  const folder = mkdtempSync(join(tmpdir(), 'generate-'))
  cpSync(join(import.meta.dirname, '../../sae/tiny', hook), folder, { recursive: true })
  const cfg = readFileSync(join(folder, 'cfg.json'), 'utf8')
  writeFileSync(join(folder, 'cfg.json'), cfg.replace(hook, 'blocks.0.hook_resid_pre'))
  const prompt = 'The cat sat on the mat, and the dog looked at it for a long time before it went.'
  const options = ['--prompt', prompt, '--tokens', '2', '--saes', folder, '--edit', 'off-0-74']
  const { status, stdout, stderr } = write(...options)
  assert.equal([status, stdout, isOneLine(stderr)], [1, '', true])
  assert.match(
    stderr,
    /^error: the SAE of blocks\.0\.hook_resid_pre: .*the cosine of what it rebuilds to what it read is .*; --force/,
  )
  assert.is(write(...options, '--force').status, 0)
  rmSync(folder, { recursive: true })
})

command('an empty prompt begins at <|endoftext|> alone', async () => {
  const result = json('--prompt', '', '--temperature', '0', '--tokens', '3')
  const { stderr } = write('--prompt', '', '--tokens', '1')
  assert.match(stderr, '\n1 token of prompt in ')
  const expected = await Array.fromAsync(generate(model.gpt2, [4096], 3, { temperature: 0 }))
  assert.equal(result.ids, expected)
})

command('ends where the model has no more positions, and says so', () => {
  const prompt = 'Q;'.repeat(127) + '!' // 256 ids with BOS, one for each position
  assert.is(model.tokenize(prompt).length, 256)
  const { ids, ended, tokens_per_second } = json('--prompt', prompt, '--temperature', '0')
  assert.is(ids.length, 1)
  assert.is(ended, 'at the model’s last position')
  assert.is(tokens_per_second, null)
})

command('ends at <|endoftext|>, and says so', () => {
  const { ids, ended } = json('--prompt', 'x', '--temperature', '0', '--tokens', '200')
  assert.ok(ids.length < 200)
  assert.is(ended, 'at <|endoftext|>')
})

command('Ctrl-C in the middle ends it at once, with 130', async () => {
  const args = [
    '--prompt',
    'The captain',
    '--tokens',
    '250',
    '--temperature',
    '100',
    '--backend',
    'reference',
  ]
  const { status, stdout, interrupted } = await interruptScript(script, args, (said) =>
    said().startsWith('The captain'),
  )
  assert.ok(interrupted)
  assert.is(status, 130)
  assert.not.match(stdout, /\n$/)
})

const usage: [args: string[], message: RegExp][] = [
  [[], /error: give --prompt or --file\n/],
  [['--prompt', 'x', '--tokens', '0'], /tokens: expected a whole number from 1, got '0'/],
  [['--prompt', 'x', '--temperature', '-1'], /temperature: expected a number from 0 to 100, got '-1'/],
  [['--prompt', 'x', '--top-k', '0'], /top-k: expected a whole number from 1, got '0'/],
  [['--prompt', 'x', '--top-p', '1.5'], /top-p: expected a number from 0\.000001 to 1, got '1\.5'/],
  [['--prompt', 'x', '--seed', '1e3'], /seed: expected a whole number from 0 to 4294967295, got '1e3'/],
  [
    ['--prompt', 'x', '--edit', 'of-3-74'],
    /edit: expected one of off-LAYER-FEATURE, up-LAYER-FEATURE-AMOUNT, .*neuron-LAYER-NEURON, got 'of-3-74'/,
  ],
  [
    ['--prompt', 'x', '--edit', 'head-0-1,scale-3-74-x'],
    /edit: expected scale-LAYER-FEATURE-FACTOR, .*FACTOR from 0 to 9999 .*, got 'scale-3-74-x'/,
  ],
  [
    ['--prompt', 'x', '--edit', 'off-3-a'],
    /edit: expected off-LAYER-FEATURE, with whole numbers .*, got 'off-3-a'/,
  ],
  [['--prompt', 'x', '--edit', 'off-3-7,'], /edit: expected entries separated by commas, none empty/],
  [['--prompt', 'x', '--threads', '0'], /threads: expected a whole number from 1, got '0'/],
]
for (const [args, message] of usage)
  command(`wrong usage: ${args.join(' ') || 'no prompt'}`, () => {
    const { status, stdout, stderr } = runScript(script, args)
    assert.is(status, 2)
    assert.is(stdout, '')
    assert.match(stderr, message)
    assert.match(stderr, 'see the options with: npm run generate -- --help')
  })

command('faults that the user can mend are one line and exit code 1', () => {
  const failures: [args: string[], message: RegExp][] = [
    [['--prompt', 'Q;'.repeat(128)], /^error: text "Q;.*…": encode: the text has .* at most 255 are allowed/],
    [
      ['--prompt', 'x', '--edit', 'head-0-1,off-9-1'],
      /^error: --edit off-9-1: There is no SAE at layer 9\. There are SAEs at these layers: 0, 1, 2, 3, 4, 5\./,
    ],
    [
      ['--prompt', 'x', '--edit', 'up-3-1024-2'],
      /^error: --edit up-3-1024-2: The SAE at blocks\.3\.hook_resid_pre has no feature 1024\. It has features 0 to 1023\./,
    ],
    [
      ['--prompt', 'x', '--edit', 'head-0-4'],
      /^error: --edit head-0-4: Layer 0 has no head 4\. It has heads 0 to 3/,
    ],
    [
      ['--prompt', 'x', '--edit', 'neuron-6-0'],
      /^error: --edit neuron-6-0: There is no layer 6\. There are layers 0 to 5/,
    ],
    [['--prompt', 'x', '--model', 'no such'], /^error: model "no such" is neither tiny, nor /],
    [['--prompt', 'x', '--model', '__proto__'], /^error: model "__proto__" is neither tiny, nor /],
  ]
  for (const [args, message] of failures) {
    const { status, stdout, stderr } = write('--json', ...args)
    assert.is(status, 1)
    assert.is(stdout, '')
    assert.match(stderr, message)
    assert.ok(isOneLine(stderr))
  }
})

command.after(() => ops.dispose())
command.run()
