// `npm run first`: the template experiment, held to the library's own numbers.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBackend } from '../../engine/backends.ts'
import { toDense } from '../../engine/sparse.ts'
import { piecesOf } from '../../gpt2/pieces.ts'
import { captureStreams, encodeStream } from '../../experiments/lab/models/features.ts'
import { openModel } from '../../experiments/lab/models/models.ts'
import { isOneLine, runScript } from '../helpers/cli.ts'

interface Result {
  model: string
  ids: number[]
  layers: { hook: string; strongest: { feature: number; mean: number; token: string }[] }[]
}

const ROOT = join(import.meta.dirname, '../..')
const first = (...args: string[]) => runScript('experiments/first/main.ts', args)
const command = suite('first')

command(
  'prints nothing but JSON: the five features with the highest mean over the tokens behind BOS',
  async () => {
    const { status, stdout, stderr } = first('The cat sat', '--json')
    assert.is(status, 0)
    assert.is(stderr, '')
    const result = JSON.parse(stdout) as Result
    const ops = await createBackend()
    const model = await openModel('tiny', ops, { quiet: true })
    assert.equal(result.ids, model.tokenize('The cat sat'))
    assert.is(result.ids[0], model.gpt2.config.bos)
    assert.equal(
      result.layers.map(({ hook }) => hook),
      [0, 1, 2, 3, 4, 5].map((layer) => `blocks.${layer}.hook_resid_pre`),
    )
    const hook = 'blocks.3.hook_resid_pre'
    const streams = await captureStreams(model.gpt2, [result.ids], [hook])
    const features = toDense(await encodeStream(ops, await model.openSae(hook), streams.get(hook)!))
    const [tokens, width] = features.shape
    const means = Array.from({ length: width }, (_, feature) => {
      let sum = 0
      for (let token = 1; token < tokens; token++) sum += features.data[token * width + feature]
      return { feature, mean: sum / (tokens - 1) }
    })
    const expected = means.sort((a, b) => b.mean - a.mean).slice(0, 5)
    const { strongest } = result.layers[3]
    assert.equal(
      strongest.map(({ feature }) => feature),
      expected.map(({ feature }) => feature),
    )
    const pieces = piecesOf(model, result.ids)
    for (const [i, { feature, mean, token }] of strongest.entries()) {
      assert.ok(Math.abs(mean - expected[i].mean) < 1e-6)
      const column = Array.from({ length: tokens - 1 }, (_, t) => features.data[(t + 1) * width + feature])
      assert.is(token, pieces[1 + column.indexOf(Math.max(...column))])
    }
    await ops.dispose()
  },
)

command('heads its lines, one per layer, says what to try next, and has a text of its own', () => {
  const { status, stdout, stderr } = first()
  assert.is(status, 0)
  assert.is(stderr, '')
  const all = stdout.trimEnd().split('\n')
  const [lines, next] = [all.slice(1, 7), all.slice(7)]
  assert.is(all[0], 'Each layer’s strongest features: #number “where strongest” mean over all tokens but BOS')
  for (const [layer, line] of lines.entries())
    assert.match(
      line,
      new RegExp(`^blocks\\.${layer}\\.hook_resid_pre (#\\d+ “\\S+” \\d+\\.\\d\\d {0,2}){5}$`),
    )
  const [, feature] = /#(\d+)/.exec(lines[3])!
  assert.is(next.length, 4)
  assert.match(next[1], `npm run feature -- --layer 3 --feature ${feature} `)
  assert.match(next[3], `--prompt "The quick brown fox jumps over the lazy dog." --edit off-3-${feature} `)
})

command('takes a model', () => {
  const folder = join(ROOT, 'gpt2/tiny') // without SAEs
  const { status, stderr } = first('The cat', '--json', '--model', folder)
  assert.is(status, 2)
  assert.match(stderr, `error: the model ${folder} has no SAEs\n`)
})

command('takes <|endoftext|>, emoji, spaces and a leading -- as plain characters', () => {
  for (const [text, tokens] of [
    ['<|endoftext|>', 7],
    ['   ', 3],
    ['--json 👩‍👩‍👧', 3],
  ] as const) {
    const { status, stdout } = first('--json', '--', text)
    assert.is(status, 0, text)
    const { ids } = JSON.parse(stdout) as Result
    assert.ok(ids.length > tokens, `${text}: ${ids.length} ids`)
    assert.equal(ids.indexOf(4096, 1), -1, 'BOS stands at the beginning only')
  }
})

const failures: [what: string, args: string[], status: number, message: RegExp][] = [
  ['an empty text', [''], 1, /^error: the text is empty; give at least one character\n$/],
  [
    '100,000 letters',
    ['a'.repeat(100_000)],
    1,
    /^error: text "a{40}…": .* more than 255 tokens, at most 255 are allowed: shorten it/,
  ],
  [
    'two texts',
    ['one', 'two'],
    2,
    /^error: too many arguments.*\nsee the options with: npm run first -- --help\n$/,
  ],
  ['an unknown option', ['--jsn'], 2, /^error: unknown option '--jsn'\n\(Did you mean --json\?\)/],
]
for (const [what, args, status, message] of failures)
  command(`${what} exits ${status}`, () => {
    const ended = first('--json', ...args)
    assert.is(ended.status, status)
    assert.is(ended.stdout, '')
    assert.match(ended.stderr, message)
    assert.ok(status === 2 || isOneLine(ended.stderr))
  })

command('--saes: others’ SAEs, which are checked on the text; --force', () => {
  const args = ['The cat sat on the mat, and the dog looked at it for a long time before it went.', '--json']
  const hook = 'blocks.3.hook_resid_pre'
  const { layers } = JSON.parse(first(...args).stdout) as Result
  const own = first(...args, '--saes', `sae/tiny/${hook}`)
  assert.equal(
    (JSON.parse(own.stdout) as Result).layers,
    layers.filter((layer) => layer.hook === hook),
  )
  const folder = mkdtempSync(join(tmpdir(), 'first-'))
  cpSync(join(ROOT, 'sae/tiny', hook), folder, { recursive: true })
  const cfg = readFileSync(join(folder, 'cfg.json'), 'utf8')
  writeFileSync(join(folder, 'cfg.json'), cfg.replace(hook, 'blocks.0.hook_resid_pre'))
  const wrong = first(...args, '--saes', folder)
  assert.equal([wrong.status, wrong.stdout, isOneLine(wrong.stderr)], [1, '', true])
  assert.match(
    wrong.stderr,
    /the SAE of blocks\.0\.hook_resid_pre: .*the cosine of what it rebuilds to what it read is .*; --force/,
  )
  assert.is(first(...args, '--saes', folder, '--force').status, 0)
  rmSync(folder, { recursive: true })
})

command.run()
