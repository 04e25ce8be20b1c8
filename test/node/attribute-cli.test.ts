// `npm run attribute` on the bundled model: its JSON, its files, what it prints, and every error.
import { csvParse } from 'd3-dsv'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AttributionResults } from '../../experiments/attribution/results.ts'
import { isOneLine, runScript } from '../helpers/cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'attribute-'))
const attribute = (...args: string[]) => runScript('experiments/attribution/main.ts', args, folder)
const pair = [
  '--text',
  'import numpy as',
  '--target',
  ' n',
  '--against',
  ' p',
  '--corrupted',
  'import pandas as',
]

const command = suite('attribute')
command.after(() => rmSync(folder, { recursive: true }))

command('finds the same in JSON and in CSV, sorted as asked', () => {
  const args = ['--layers', '2,4', '--ablate', '10', '--steps', '4', '--sort', 'gradient', '--json']
  const { status, stdout, stderr } = attribute(...pair, ...args)
  assert.equal([status, stderr], [0, ''])
  const results = JSON.parse(stdout) as AttributionResults & {
    answer: string
    provenance: { command: string }
  }
  assert.match(results.provenance.command, /^npm run attribute -- --text "import numpy as"/)
  assert.equal([results.target, results.against], [' n', ' p'])
  assert.equal(results.clean.slice(1).join(''), 'import numpy as')
  assert.match(
    results.answer,
    /^The logit of “·n” minus that of “·p” is \+3\.51; blocks\.0\.hook_mlp_out says most/,
  )
  const { features, parts, heads, patching, agreement } = results
  const total = parts.reduce((sum, { share }) => sum + share, 0)
  assert.ok(Math.abs(total - results.logit) < 1e-5)
  assert.is(heads.length, 24)
  assert.equal([...new Set(features.map(({ hook }) => hook))].sort(), [
    'blocks.2.hook_resid_pre',
    'blocks.4.hook_resid_pre',
  ])
  assert.is(features.filter(({ ablation }) => ablation !== null).length, 20)
  const sizes = features.map(({ gradient }) => Math.abs(gradient))
  assert.equal(
    sizes,
    sizes.toSorted((a, b) => b - a),
  )
  const patched = patching!.rows.flatMap((row) => row.patching)
  assert.is(patched.length, 6 * (3 + 4) * 4)
  assert.equal(
    agreement.filter(({ truth }) => truth === 'patching').map(({ of }) => of),
    ['hook_resid_pre', 'hook_attn_out', 'hook_mlp_out', 'attn.hook_z'],
  )

  assert.equal(
    agreement.filter(({ of }) => of === 'all').map(({ estimate }) => estimate),
    ['activation', 'direct', 'gradient', 'integrated'],
  )

  const table = (name: string) =>
    csvParse(readFileSync(join(folder, 'results/attribution/tiny', name), 'utf8'))
  assert.equal(
    table('features.csv').map(({ feature, gradient, ablation }) => [feature, gradient, ablation]),
    features.map(({ feature, gradient, ablation }) => [`${feature}`, `${gradient}`, `${ablation ?? ''}`]),
  )
  assert.equal(
    table('patching.csv').map(({ patching }) => Number(patching)),
    patched,
  )
  assert.is(table('direct.csv').length, 15 + 12 + 24 + 6 * 512 + 4)
  assert.is(table('sources.csv').length, 24 * 7)
})

command(
  'says the most probable token and holds it to the mean of all, if so asked; prints every table',
  () => {
    const { status, stdout } = attribute('--text', 'for i in', '--centred', '--layers', '3', '--ablate', '5')
    assert.is(status, 0)
    for (const part of [
      'The logit of “·range” minus the mean of all is +13.49',
      'The parts add up to 13.493',
      'hook_pos_embed',
      'What heads say because they look at a token',
      'Features by ablation',
      'Cheap estimates against ablation',
      'the final LayerNorm’s scale; all later layers',
      'every LayerNorm’s scale, attention patterns (softmax), the MLP’s GELU: at the clean text',
      'report: file://',
    ])
      assert.ok(stdout.includes(part), part)
    assert.not.match(stdout, 'attribution patching')
  },
)

command('a model without SAEs is explained without features', () => {
  const model = join(folder, 'plain')
  mkdirSync(model)
  for (const file of ['config.json', 'model.safetensors', 'tokenizer_config.json'])
    copyFileSync(join(import.meta.dirname, '../../gpt2/tiny', file), join(model, file))
  const { status, stdout } = attribute('--text', 'for i in', '--model', model, '--json')
  assert.is(status, 0)
  const { features, parts, provenance } = JSON.parse(stdout) as AttributionResults & {
    provenance: Record<string, string>
  }
  assert.equal([features.length, parts.length, provenance.sae], [0, 15, 'none'])
})

const failures: [what: string, args: string[], status: number, message: RegExp][] = [
  ['no text', [], 2, /required option '--text <text>' not specified/],
  [
    'an empty text',
    ['--text', ''],
    1,
    /^error: text 1 of "clean" \(1 of 1\): the text is empty; give at least/,
  ],
  [
    'a text that is too long',
    ['--text', 'a b '.repeat(200)],
    1,
    /^error: text 1 of "clean" \(1 of 1\): "a b .*…": [^-]*$/, // no word of --long, which is not there
  ],
  [
    'a target of several tokens',
    ['--text', 'for i in', '--target', 'numpy'],
    1,
    /^error: --target "numpy" is 3 tokens, “n” “ump” “y”; expected one token \(most words/,
  ],
  [
    'an empty target',
    ['--text', 'for i in', '--target', ''],
    1,
    /^error: --target "" is no token; expected one/,
  ],
  [
    'a target held against itself',
    ['--text', 'for i in', '--target', ' range', '--against', ' range'],
    1,
    /^error: --against " range" is the target itself: .* give another token\n$/,
  ],
  [
    'the most probable token as --against',
    ['--text', 'for i in', '--against', ' range', '--layers', '0'],
    1,
    /^error: --against: “·range” is the most probable next token, and so the target; give --target\n$/,
  ],
  [
    '--against and --centred',
    ['--text', 'for i in', '--against', ' range', '--centred'],
    1,
    /^error: --against and --centred: .* give one of them\n$/,
  ],
  [
    'prompts of different length',
    ['--text', 'for i in', '--corrupted', 'for i'],
    1,
    /^error: --corrupted: the texts differ in length, 2 \(“for” “·i”\) tokens and 3 \(“for” “·i” “·in”\) of --text/,
  ],
  [
    'the same prompt twice',
    ['--text', 'for i in', '--corrupted', 'for i in'],
    1,
    /^error: --corrupted is the same text as --text: there is nothing to patch\n$/,
  ],
  [
    'a layer without an SAE',
    ['--text', 'for i in', '--layers', '9'],
    1,
    /^error: no SAE for layer 9 of tiny/,
  ],
  [
    'an unknown column',
    ['--text', 'for i in', '--sort', 'size'],
    2,
    /expected one of activation, direct, gradient/,
  ],
]
for (const [what, args, status, message] of failures)
  command(`${what} exits ${status}`, () => {
    const ended = attribute('--json', ...args)
    assert.equal([ended.status, ended.stdout], [status, ''])
    assert.match(ended.stderr, message)
    assert.ok(status === 2 || isOneLine(ended.stderr))
  })

command.run()
