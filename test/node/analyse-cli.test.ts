// `npm run analyse`: what it prints, as JSON and as a table, and how it says what is wrong.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeSafetensors } from '../../engine/weights/safetensors.ts'
import { positiveEntries } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { analyseLayer } from '../../experiments/lab/analysis/analyse-layer.ts'
import { withStatistics } from '../../experiments/lab/analysis/layer-statistics.ts'
import { rowsByCategory } from '../../experiments/lab/analysis/input.ts'
import { fromCategories } from '../../experiments/lab/texts/texts.ts'

const SCRIPT = join(import.meta.dirname, '../../experiments/black-box/analyse.ts')
const folder = mkdtempSync(join(tmpdir(), 'analyse-'))

/** Writes a file into the tests' own folder. */
function write(name: string, data: string | Uint8Array): string {
  const path = join(folder, name)
  writeFileSync(path, data)
  return path
}

const dense = Tensor.of([3, 6], [0, 6.5, 0, 1, 0, 6, 0, 7.5, 2, 0, 0, 0, 5.5, 0, 0, 0, 4, 0])
const labels = { Python: ['x = 1', 'escape \u001b[2J'], Formal: ['Hereby.'] }

const files = {
  features: write(
    'features.safetensors',
    encodeSafetensors([
      ['features', dense],
      ['flat', Tensor.of([3], [1, 2, 3])],
      ['negative', Tensor.of([3, 2], [0, 0, 0, 0, -2, 0])],
      ['silent', Tensor.of([3, 2], [0, 0, 0, 0, 0, 0])],
    ]),
  ),
  labels: write('labels.json', JSON.stringify(labels)),
}

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [SCRIPT, ...args], {
    encoding: 'utf8',
    env: { ...process.env, CLEARBOX_DEBUG: '' },
  })
  return { status, stdout, stderr }
}

const analyse = (...args: string[]): ReturnType<typeof run> =>
  run('--features', files.features, '--labels', files.labels, ...args)

const command = suite('analyse')

command.after(() => rmSync(folder, { recursive: true }))

command('prints nothing but JSON: the analysis, the threshold and where it came from', () => {
  const { status, stdout, stderr } = analyse('--layer', '4', '--json')
  assert.is(status, 0)
  assert.is(stderr, '')
  const result = JSON.parse(stdout) as {
    basis: Record<string, string>
    threshold: number
    verdicts: { status: string }[]
    layers: unknown[]
  }
  const [means, categories] = [positiveEntries(dense), rowsByCategory(fromCategories(labels))]
  const analysis = analyseLayer(means, categories, 5, 4)
  const draws = { permutations: 1000, resamples: 1000, seed: 0 }
  const expected = withStatistics([{ analysis, means, streamNorm: null }], categories, draws)
  assert.equal(result.layers, JSON.parse(JSON.stringify(expected)))
  assert.equal(
    result.verdicts.map(({ status }) => status),
    ['not tested', 'not tested', 'cannot be told', 'not tested'],
  )
  assert.is(result.threshold, 5)
  assert.is(result.basis.threshold_from, "the post's, by default")
  assert.match(result.basis.features, 'features.safetensors, tensor features [3, 6]')
})

command('takes a quantile of the positive activations as the threshold', () => {
  const { stdout } = analyse('--threshold', 'q50', '--json')
  // 1, 2, 4, 5.5, 6, 6.5, 7.5
  const result = JSON.parse(stdout) as {
    basis: Record<string, string>
    threshold: number
    layers: { layer: null }[]
  }
  assert.is(result.threshold, 5.5)
  assert.is(result.basis.threshold_from, 'q50 of the activations above 0')
  assert.is(result.layers[0].layer, null)
})

command('without --json, prints tables in which no text steers the terminal', () => {
  const { status, stdout, stderr } = analyse('--threshold', '6.25', '--layer', '4')
  assert.is(status, 0)
  assert.is(stderr, '')
  assert.match(stdout, /threshold +6\.25, given\n/)
  assert.match(stdout, 'Layer 4: 3 texts')
  assert.match(stdout, /strongest +feature 1, 7\.50 in text 2 "escape ␛\[2J"/)
  assert.match(stdout, /│ Python +│ +1 │ +7\.50 │ 16\.50 │ +0\.4545 │ 0\.\d{4} │ +1 │ 2 = 2 − 0 │ +2 │/)
  assert.match(stdout, /Best score of all features.*1000 shuffles[^]*│ Python │ 2 \(–\) \?/)
  assert.match(stdout, 'Every category has a specialist feature: cannot be told.')
  assert.match(stdout, 'with 2 categories and 1 to 2 texts in each of these a corrected p cannot reach 0.05')
  assert.match(stdout, /│ of the top 5 │ score +│ best of all │/)
  assert.match(
    stdout,
    /of the top 5: the specialist as the post has it[^]*best of all: the best score over all features/,
  )
  assert.not.match(stdout, 'not tested')
  assert.match(stdout, /│ +1 │ 2 texts +│ 7\.50 "escape ␛\[2J" {2}6\.50 "x = 1" +│/)
  assert.not.match(stdout, '\u001b')
})

command('a category steers neither the terminal nor what JSON shows there', () => {
  const category = '\u001b[31mESC\u202e\u009b2J'
  const named = write('hostile.json', JSON.stringify({ [category]: labels.Python, Formal: labels.Formal }))
  const text = run('--features', files.features, '--labels', named)
  assert.is(text.status, 0)
  assert.match(text.stdout, '␛[31mESC[U+202E][U+009B]2J')
  assert.not.match(text.stdout, /[\u001b\u202e\u009b]/)
  const { stdout } = run('--features', files.features, '--labels', named, '--json')
  assert.not.match(stdout, /[\u001b\u202e\u009b]/)
  const { layers } = JSON.parse(stdout) as { layers: { categories: { category: string }[] }[] }
  assert.is(layers[0].categories[0].category, category)
})

command('analyses activations that are all 0', () => {
  const { status, stdout } = analyse('--tensor', 'silent')
  assert.is(status, 0)
  assert.match(stdout, 'no feature fires')
})

const swapped = write('swapped.json', '["x = 1"]')
const short = write('short.json', '{"Python": ["x = 1"], "Formal": ["Hereby."]}')
const missing = join(folder, 'missing')

const failures: [what: string, args: string[], message: string][] = [
  ['a missing features file', ['--features', missing], `error: ${missing}: there is no such file`],
  ['a missing labels file', ['--labels', missing], `error: ${missing}: there is no such file`],
  ['a folder of features', ['--features', folder], `error: ${folder}: expected a file, found a folder`],
  ['no safetensors file', ['--features', files.labels], `error: ${files.labels}: `],
  [
    'an unknown tensor',
    ['--tensor', 'acts'],
    `error: ${files.features}: there is no tensor "acts"; choose with --tensor: features, flat, negative, silent`,
  ],
  [
    'a tensor of another rank',
    ['--tensor', 'flat'],
    `error: ${files.features}: tensor "flat": expected [texts, d_sae], got [3]`,
  ],
  ['a negative activation', ['--tensor', 'negative'], `error: ${files.features}: row 2, feature 0 is -2`],
  [
    'labels of another form',
    ['--labels', swapped],
    `error: ${swapped}: entry 1: expected { "category": ..., "text": ... }, found the string`,
  ],
  [
    'fewer texts than rows',
    ['--labels', short],
    `error: ${files.features} with ${short}: the features have 3 rows, but the labels name 2 texts`,
  ],
  [
    'a quantile of nothing',
    ['--tensor', 'silent', '--threshold', 'q99'],
    `error: ${files.features}: threshold q99: no activation is above 0`,
  ],
]

for (const [what, args, message] of failures)
  command(`${what} is one line on standard error and exit code 1`, () => {
    const { status, stdout, stderr } = analyse(...args, '--json')
    assert.is(status, 1)
    assert.is(stdout, '')
    assert.ok(stderr.startsWith(message), stderr)
    assert.is(stderr.indexOf('\n'), stderr.length - 1)
  })

command('a threshold that is none is wrong usage, exit code 2', () => {
  const { status, stdout, stderr } = analyse('--threshold', 'high')
  assert.is(status, 2)
  assert.is(stdout, '')
  assert.match(stderr, '"high"')
  assert.match(stderr, 'q99.5')
})

command.run()
