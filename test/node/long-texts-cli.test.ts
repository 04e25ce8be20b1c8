// Long texts, files and standard input in every command that reads texts.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBackend } from '../../engine/backends.ts'
import { openFile } from '../../engine/weights/files-node.ts'
import { openSafetensors } from '../../engine/weights/safetensors.ts'
import { readTensor } from '../../engine/weights/weights.ts'
import type { AnalysedLayer } from '../../experiments/lab/analysis/layer-analysis.ts'
import { captureStreams } from '../../experiments/lab/models/features.ts'
import { openModel } from '../../experiments/lab/models/models.ts'
import { isOneLine, runScript } from '../helpers/cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'long-'))
const LONG = 'Once upon a time there was a dog. '.repeat(60)
const labelled = [
  { category: 'b', text: 'one short text' },
  { category: 'b', text: LONG },
  { category: '10', text: 'def f(x):\n    return x' },
  { category: '10', text: 'import os' },
  { category: '9', text: 'Dear Sir or Madam,' },
  { category: '9', text: LONG.toUpperCase() },
]
const texts = join(folder, 'texts.jsonl')
writeFileSync(texts, labelled.map((one) => JSON.stringify(one)).join('\n'))

const ops = await createBackend('reference')
const model = await openModel('tiny', ops, { quiet: true })
const ids = labelled.map(({ text }) => model.tokenize(text, { anyLength: true }))

const command = suite('long texts')
command.after(async () => {
  await ops.dispose()
  rmSync(folder, { recursive: true })
})

const SCRIPTS = {
  start: 'experiments/black-box/main.ts',
  feature: 'experiments/feature/main.ts',
  ablation: 'experiments/ablation/main.ts',
  first: 'experiments/first/main.ts',
  generate: 'experiments/tools/generate/main.ts',
  capture: 'experiments/tools/capture/main.ts',
}

const run = (name: keyof typeof SCRIPTS, args: readonly string[], input?: string | Uint8Array) =>
  runScript(SCRIPTS[name], args, undefined, { input })

/** What it prints with --json. */
function json<T>(name: keyof typeof SCRIPTS, args: readonly string[], input?: string | Uint8Array): T {
  const { status, stdout, stderr } = run(name, [...args, '--json'], input)
  assert.equal([status, stderr], [0, ''])
  return JSON.parse(stdout) as T
}

const quick = ['--permutations', '20', '--resamples', '20']
const experiments: [name: 'start' | 'feature' | 'ablation', args: string[]][] = [
  ['start', ['--layers', '3', ...quick]],
  ['feature', ['--layer', '3', '--feature', '5']],
  ['ablation', ['--layers', '3', '--texts-per-category', '1', '--random', '0', '--specialists', '0', '--resamples', '20']], // prettier-ignore
]
for (const [name, args] of experiments)
  command(`${name}: a long text is refused by its name, or split and counted`, () => {
    const all = ['--texts', texts, '--out', join(folder, name), ...args]
    const { status, stdout, stderr } = run(name, all)
    assert.equal([status, stdout], [1, ''])
    const place = `error: ${texts}, text 2 of "b" (2 of 6): "Once upon`
    assert.ok(stderr.startsWith(place), stderr)
    assert.ok(stderr.endsWith('at most 255 are allowed: shorten it, or split it into several texts, or use --long cut or --long split\n')) // prettier-ignore
    const { provenance } = json<{ provenance: { long: string } }>(name, [...all, '--long', 'split'])
    assert.match(
      provenance.long,
      /^2 of 6 texts have more than 255 tokens: split into windows .* a BOS of its own/,
    )
    const report = name === 'feature' ? join(folder, name, '3-5') : join(folder, name)
    assert.match(readFileSync(join(report, 'report.html'), 'utf8'), 'Long texts')
  })

interface Started {
  provenance: { long: string }
  texts: { tokens: number }[]
  layers: AnalysedLayer[]
}

const SAE = 'blocks.3.hook_resid_pre.hook_sae_acts_post'

command(
  'split, a text is pooled over all its tokens; cut, over its first; and analyse reads what capture wrote',
  () => {
    const args = ['--texts', texts, '--layers', '3', ...quick, '--no-quality']
    const split = json<Started>('start', [...args, '--long', 'split', '--out', join(folder, 'split')])
    assert.equal(split.texts.map(({ tokens }) => tokens), ids.map(({ length }) => length - 1)) // prettier-ignore
    const cut = json<Started>('start', [...args, '--long', 'cut', '--out', join(folder, 'cut')])
    assert.equal(cut.texts.map(({ tokens }) => tokens), ids.map(({ length }) => Math.min(255, length - 1))) // prettier-ignore
    assert.is(cut.provenance.long, '2 of 6 texts have more than 255 tokens: cut to the first 255')

    const out = join(folder, 'features.safetensors')
    json('capture', ['--texts', texts, '--long', 'split', '--hooks', SAE, '--out', out])
    const analyse = (labels: string) =>
      runScript('experiments/black-box/analyse.ts', [
        ...['--features', out, '--labels', labels, '--tensor', SAE, '--layer', '3', '--threshold', 'q98'],
        ...[...quick, '--json'],
      ])
    const { layers, basis } = JSON.parse(analyse(texts).stdout) as Started & {
      basis: { activations: string }
    }
    // What was captured has no tokens to name features by.
    const findings = ({ statistics: _, quality: __, feature_tokens: ___, ...rest }: Started['layers'][0]) =>
      rest
    assert.equal(findings(layers[0]), findings(split.layers[0]))
    assert.match(basis.activations, 'the mean over each text’s rows but the first, BOS')

    const others = join(folder, 'others.jsonl')
    writeFileSync(others, labelled.map((one, i) => JSON.stringify({ ...one, category: i === 3 ? '9' : one.category })).join('\n')) // prettier-ignore
    const { status, stderr } = analyse(others)
    assert.is(status, 1)
    assert.match(
      stderr,
      'text 4 was captured as "10", the labels say "9": give the texts that were captured\n',
    )
  },
)

command('capture: many texts in one file, which says which rows are whose', async () => {
  const hook = 'blocks.2.hook_resid_pre'
  const out = join(folder, 'many.safetensors')
  const args = ['--texts', texts, '--backend', 'reference', '--hooks', `${hook},logits`, '--out', out]
  const refused = run('capture', args)
  assert.is(refused.status, 1)
  assert.match(refused.stderr, `${texts}, text 2 of "b" (2 of 6): `)
  const result = json<{
    ids: number[]
    long: string
    bos: string
    texts: { category: string; rows: number[] }[]
  }>('capture', [...args, '--long', 'split'])
  const expected = await captureStreams(model.gpt2, ids, [hook, 'logits'])
  let end = 0
  const rows = ids.map(({ length }) => [end, (end += length)])
  assert.equal(result.ids, ids.flat())
  assert.equal(result.texts, labelled.map(({ category }, i) => ({ category, rows: rows[i] }))) // prettier-ignore
  assert.match(result.long, '2 of 6 texts')
  assert.is(result.bos, '<|endoftext|> before each text')

  const store = await openSafetensors(await openFile(out))
  for (const [name, { shape, data }] of expected) {
    const tensor = await readTensor(store.get(name))
    assert.equal(tensor.shape, shape)
    assert.equal(tensor.data, data)
  }
  assert.equal(JSON.parse(store.metadata.get('rows')!), rows)
  assert.equal(JSON.parse(store.metadata.get('categories')!), labelled.map(({ category }) => category)) // prettier-ignore
  assert.is(store.metadata.get('ids'), ids.flat().join(','))
  await store.close()
})

command('capture: one category will do, and patterns take one text', () => {
  const one = join(folder, 'one.json')
  writeFileSync(one, '{"only": ["a", "b"]}')
  const out = join(folder, 'one.safetensors')
  const { texts } = json<{ texts: object[] }>('capture', [
    '--texts',
    one,
    '--hooks',
    'hook_embed',
    '--out',
    out,
  ])
  assert.equal(texts, [{ category: 'only', rows: [0, 2] }, { category: 'only', rows: [2, 4] }]) // prettier-ignore
  const { status, stderr } = run('capture', [
    '--texts',
    one,
    '--hooks',
    'blocks.1.attn.hook_pattern',
    '--out',
    out,
  ])
  assert.is(status, 1)
  assert.match(
    stderr,
    /^error: blocks\.1\.attn\.hook_pattern \[heads, tokens, keys\] has no row for each token/,
  )
})

const file = join(folder, 'text.txt')
writeFileSync(file, '\ufeffThe cat sat\r\n')

command('first, generate and capture read a file and standard input, less the line end at their end', () => {
  const out = ['--hooks', 'hook_embed', '--out', join(folder, 'file.safetensors')]
  const wanted = model.tokenize('The cat sat')
  const files = [[file, ''], ['-', 'The cat sat\n']] // prettier-ignore
  for (const [path, input] of files)
    assert.equal(json<{ ids: number[] }>('first', ['--file', path], input).ids, wanted)
  assert.equal(json<{ ids: number[] }>('first', ['--file', '-'], 'a\n\n').ids, model.tokenize('a\n'))
  assert.equal(json<{ ids: number[] }>('capture', ['--file', '-', ...out], 'The cat sat').ids, wanted)
  assert.is(json<{ prompt: string }>('generate', ['--file', file, '--tokens', '1']).prompt, 'The cat sat')
})

command('first: a long text is split or cut, and it is said', () => {
  const split = json<{ ids: number[]; long: string }>('first', ['--file', '-', '--long', 'split'], LONG)
  assert.equal(split.ids, ids[1])
  assert.match(split.long, /^the text has more than 255 tokens: split into windows/)
  const cut = run('first', ['--long', 'cut', LONG])
  assert.is(cut.stderr, 'the text has more than 255 tokens: cut to the first 255\n')
})

command('generate: a long prompt is cut to its end, with room for the tokens asked for', () => {
  const cut = (tokens: string) =>
    json<{ ids: number[]; long: string; ended: string }>(
      'generate',
      ['--prompt', LONG, '--long', 'cut', '--temperature', '0', '--tokens', tokens],
    ) // prettier-ignore
  const { long, ids: made, ended } = cut('3')
  assert.is(long, `the prompt has ${ids[1].length - 1} tokens, more than 255: cut to the last 252`)
  assert.is(ended, 'after the 3 tokens asked for')
  const end = model.tokenizer.decode(ids[1].slice(-252))
  const alone = json<{ ids: number[] }>('generate', ['--prompt', end, '--temperature', '0', '--tokens', '3'])
  assert.equal(made, alone.ids)
  assert.match(cut('9999').long, /cut to the last 127$/)
})

const CAPTURE = ['--hooks', 'logits', '--out', join(folder, 'never.safetensors')]
const faults: [name: keyof typeof SCRIPTS, args: string[], input: string | Uint8Array, status: number, said: RegExp][] = [
  ['first', ['--file', '-'], LONG, 1, /^error: standard input: "Once.*, or use --long cut or --long split\n$/],
  ['first', ['--file', '-'], '\n', 1, /^error: standard input: the text is empty; give at least one character\n$/],
  ['first', ['--file', '-'], Uint8Array.of(0xff), 1, /^error: standard input: not valid UTF-8/],
  ['first', ['--file', '/no/such'], '', 1, /^error: \/no\/such: there is no such file or folder\n$/],
  ['first', ['--file', tmpdir()], '', 1, /: expected a file, found a folder\n$/],
  ['first', ['x', '--file', '-'], '', 2, /^error: give the text or --file, not both\n/],
  ['first', ['--long', 'fold'], '', 2, /long: expected one of refuse, cut, split, got 'fold'/],
  ['capture', ['--text', '', ...CAPTURE], '', 1, /^error: the text is empty/],
  ['capture', ['--file', '-', ...CAPTURE], LONG, 1, /^error: standard input: "Once.*--long split\n$/],
  ['capture', ['--file', '-', '--text', 'x', ...CAPTURE], '', 2, /'--file <path>' cannot be used with option '--text <text>'/],
  ['capture', ['--texts', texts, '--text', 'x', ...CAPTURE], '', 2, /'--texts <path>' cannot be used with option '--text <text>'/],
  ['generate', ['--file', '-'], LONG, 1, /^error: standard input: "Once.*, or use --long cut\n$/],
  ['generate', ['--prompt', 'x', '--file', '-'], '', 2, /cannot be used with option '--prompt <text>'/],
  ['generate', ['--prompt', 'x', '--long', 'split'], '', 2, /long: expected one of refuse, cut, got 'split'/],
] // prettier-ignore
for (const [name, args, input, status, said] of faults)
  command(`${name} ${args.join(' ')}: exits ${status}`, () => {
    const ended = run(name, [...args, '--json'], input)
    assert.is(ended.status, status)
    assert.is(ended.stdout, '')
    assert.match(ended.stderr, said)
    assert.ok(status === 2 || isOneLine(ended.stderr))
  })

command.run()
