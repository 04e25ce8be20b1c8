// `npm start`: models in folders, what is refused and how it is said, and Ctrl-C.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeSafetensors } from '../../engine/weights/safetensors.ts'
import { Tensor } from '../../engine/tensor.ts'
import type { AnalysedLayer } from '../../experiments/lab/analysis/layer-analysis.ts'
import { interruptScript, isOneLine, runScript } from '../helpers/cli.ts'

const script = 'experiments/black-box/main.ts'
const folder = mkdtempSync(join(tmpdir(), 'start-faults-'))

function write(name: string, content: string): string {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

const textsJson = write(
  'texts.json',
  '{"Python": ["x = 1", "import os"], "Formal": ["Hereby.", "The parties agree."]}',
)
const start = (...args: string[]) => runScript(script, ['--texts', textsJson, ...args])

interface Results {
  provenance: Record<string, string>
  layers: AnalysedLayer[]
}

/** The results of a run that must succeed, in a folder of this name. */
function results(out: string, ...args: string[]): Results {
  const { status, stdout, stderr } = start('--json', '--out', join(folder, out), ...args)
  assert.is(stderr, '')
  assert.is(status, 0)
  return JSON.parse(stdout) as Results
}

const command = suite('start, faults')
command.after(() => rmSync(folder, { recursive: true }))

/** The bundled model with SAEs under the names given, each a copy of layer 0's for another hook. */
function modelFolder(name: string, saes: Record<string, string>): string {
  const path = join(folder, name)
  const bundled = (part: string) => join(import.meta.dirname, '../..', part)
  cpSync(bundled('gpt2/tiny'), path, { recursive: true })
  for (const [sae, hook] of Object.entries(saes)) {
    const to = join(path, 'sae', sae)
    cpSync(bundled('sae/tiny/blocks.0.hook_resid_pre'), to, { recursive: true })
    const config = JSON.parse(readFileSync(join(to, 'cfg.json'), 'utf8')) as object
    writeFileSync(join(to, 'cfg.json'), JSON.stringify({ ...config, hook_name: hook }))
  }
  return path
}

command('what it prints is not steered by a category', () => {
  const texts = { '\u001b[31mESC\u202e': ['x = 1', 'import os'], Formal: ['Hereby.', 'The parties agree.'] }
  const path = write('hostile.json', JSON.stringify(texts))
  const args = ['--texts', path, '--layers', '1', '--no-quality', '--out', join(folder, 'hostile')]
  const { status, stdout, stderr } = runScript(script, args)
  assert.is(status, 0)
  assert.match(stdout, '␛[31mESC[U+202E]')
  assert.not.match(stdout + stderr, /[\u001b\u202e]/)
})

/** A model whose only SAE never fires. */
function silentModel(): string {
  const path = modelFolder('silent', { silent: 'blocks.0.hook_resid_pre' })
  const weights: [name: string, tensor: Tensor][] = [
    ['W_enc', Tensor.zeros([128, 1024])],
    ['b_enc', Tensor.zeros([1024])],
    ['W_dec', Tensor.zeros([1024, 128])],
    ['b_dec', Tensor.zeros([128])],
  ]
  writeFileSync(join(path, 'sae/silent/sae_weights.safetensors'), encodeSafetensors(weights))
  return path
}

command('of two SAEs at one layer, it takes the one at the layer’s input', () => {
  const model = modelFolder('two', {
    a: 'blocks.0.hook_resid_mid',
    b: 'blocks.0.hook_resid_pre',
    c: 'blocks.1.hook_resid_mid',
  })
  const { layers, provenance } = results('two-saes', '--model', model, '--threshold', '1', '--force')
  assert.equal(
    layers.map(({ layer }) => layer),
    [0, 1],
  )
  assert.is(provenance.hook, 'blocks.0.hook_resid_pre, blocks.1.hook_resid_mid')
  const tiny = results('its-sae', '--layers', '0', '--threshold', '1')
  // Scores at equal pairs take a second layer, which the one run has and the other has not.
  const { statistics, ...figures } = layers[0]
  const { statistics: expected, ...expectedFigures } = tiny.layers[0]
  assert.equal(figures, expectedFigures)
  assert.equal(statistics.threshold_curve, expected.threshold_curve)
  assert.is(statistics.stream_norm, expected.stream_norm)
})

const failures: [what: string, args: () => string[], status: number, message: RegExp][] = [
  [
    'an unknown layer',
    () => ['--layers', '9'],
    1,
    /^error: no SAE for layer 9 of tiny; it has SAEs for layers 0, 1, 2, 3, 4, 5\n/,
  ],
  [
    'texts that are not there',
    () => ['--texts', join(folder, 'none')],
    1,
    /none: there is no such file or folder\n$/,
  ],
  [
    'one category',
    () => ['--texts', write('one.json', '{"a": ["x"]}')],
    1,
    /only one category, "a": at least two/,
  ],
  [
    'a text too long',
    () => ['--texts', write('long.json', `{"a": ["x"], "b": ["${'long '.repeat(200_000)}"]}`)],
    1,
    /^error: .*long\.json, text 1 of "b" \(2 of 2\): "long .*…": encode: .* at most 255.*--long cut/,
  ],
  [
    'a file as the folder',
    () => ['--out', textsJson, '--layers', '0'],
    1,
    /cannot write .*texts\.json\/results\.json: a part of the path is a file/,
  ],
  ['no SAEs', () => ['--model', modelFolder('none', {})], 1, /^error: the model \S+ has no SAEs/],
  [
    'a quantile of nothing',
    () => ['--model', silentModel(), '--threshold', 'q9', '--force'],
    1,
    /^error: blocks\.0\.hook_resid_pre: threshold q9: no activation is above 0/,
  ],
  ['layers that are none', () => ['--layers', '1,x'], 2, /layer: expected a whole number from 0, got 'x'/],
  ['a threshold that is none', () => ['--threshold', 'high'], 2, /threshold "high": expected a number/],
  ['an empty folder name', () => ['--out', ''], 2, /^error: --out needs the name of a folder\n/],
  [
    'no file held out',
    () => ['--held-out', join(folder, 'missing.txt')],
    1,
    /^error: --held-out .*missing\.txt: there is no such file/,
  ],
  [
    'a text held out that nothing is measured on',
    () => ['--no-quality', '--held-out', 'x.txt'],
    2,
    /^error: --held-out is measured, but --no-quality asks for no measuring: give only one of them\n/,
  ],
  ['no shuffles', () => ['--permutations', '0'], 2, /permutations: expected a whole number from 1, got '0'/],
  [
    'a seed below 0',
    () => ['--seed', '-1'],
    2,
    /seed: expected a whole number from 0 to 4294967295, got '-1'/,
  ],
  ['a stray word', () => ['mine.csv'], 2, /too many arguments/],
]
for (const [what, args, status, message] of failures)
  command(`${what} exits ${status} and writes nothing`, () => {
    const out = join(folder, 'never')
    const ended = start('--json', '--out', out, ...args())
    assert.is(ended.status, status)
    assert.is(ended.stdout, '')
    assert.match(ended.stderr, message)
    assert.ok(status === 2 || isOneLine(ended.stderr), ended.stderr)
    assert.not.ok(existsSync(out))
  })

command('Ctrl-C before the results are there writes nothing', async () => {
  const out = join(folder, 'early')
  const began = performance.now()
  const { status, stdout } = await interruptScript(
    script,
    ['--texts', textsJson, '--out', out],
    () => performance.now() - began > 300,
  )
  assert.ok(status === 130 || status === null, 'null: ended by the signal before the script itself began')
  assert.is(stdout, '')
  assert.not.ok(existsSync(out))
})

command(
  'Ctrl-C while the files are written leaves the former results or the new ones, nothing half',
  async () => {
    const out = join(folder, 'late')
    assert.is(results('late', '--layers', '0').layers[0].layer, 0)
    const former = readFileSync(join(out, 'results.json'), 'utf8')
    const names = readdirSync(out).sort()
    const { status, interrupted } = await interruptScript(
      script,
      ['--texts', textsJson, '--out', out, '--layers', '1'],
      () => readdirSync(out).some((name) => name.endsWith('.partial')),
    )
    assert.ok(interrupted)
    assert.is(status, 130)
    assert.equal(readdirSync(out).sort(), names)
    const found = readFileSync(join(out, 'results.json'), 'utf8')
    assert.ok(found === former || (JSON.parse(found) as Results).layers[0].layer === 1)
  },
)

command.run()
