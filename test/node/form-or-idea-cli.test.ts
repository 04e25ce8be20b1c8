// `npm run form-or-idea`: its files and its JSON tell one story, which a naive recomputation confirms; its options; its errors.
import { csvParse } from 'd3-dsv'
import { parseHTML } from 'linkedom'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBackend } from '../../engine/backends.ts'
import { toDense } from '../../engine/sparse.ts'
import { captureStreams, encodeStream } from '../../experiments/lab/models/features.ts'
import { openModel } from '../../experiments/lab/models/models.ts'
import type { Answer, LayerResult, Resemblance } from '../../experiments/form-or-idea/layer-result.ts'
import { isOneLine, runScript } from '../helpers/cli.ts'

interface Results {
  answer: string
  answers: Answer[]
  topics: string[]
  forms: string[]
  ideas: number
  tokens: Resemblance
  layers: LayerResult[]
  texts: string[]
}

const script = 'experiments/form-or-idea/main.ts'
const folder = mkdtempSync(join(tmpdir(), 'form-or-idea-'))
const run = (...args: string[]) => runScript(script, args)

const out = join(folder, 'tiny')
const args = ['--json', '--layers', '4,1', '--permutations', '50', '--out', out]
const shared = run(...args)
const results = JSON.parse(shared.stdout) as Results
const read = (name: string): string => readFileSync(join(out, name), 'utf8')

const command = suite('form-or-idea')
command.after(() => rmSync(folder, { recursive: true }))

command('prints nothing but JSON, the same as in results.json, and writes all four files', () => {
  assert.is(shared.stderr, '')
  assert.is(shared.status, 0)
  assert.is(read('results.json'), shared.stdout)
  assert.equal(readdirSync(out).sort(), ['pairs.csv', 'report.html', 'results.json', 'specialists.csv'])
  assert.equal(
    results.answers.map(({ layer }) => layer),
    [null, 1, 4],
  )
  assert.equal([results.topics.length, results.forms.length, results.ideas, results.texts.length], [7, 3, 10, 210]) // prettier-ignore
})

command('the same seed gives a layer the same numbers, whatever other layers there are', () => {
  const { stdout } = run(...args, '--layers', '4', '--out', join(folder, 'again'))
  assert.equal((JSON.parse(stdout) as Results).layers, [results.layers[1]])
})

command('cosines are those of the features, computed plainly', async () => {
  const ops = await createBackend('wasm', {})
  const model = await openModel('tiny', ops, { quiet: true })
  const ids = results.texts.map((text) => model.tokenize(text))
  const hook = 'blocks.4.hook_resid_pre'
  const stream = (await captureStreams(model.gpt2, ids, [hook])).get(hook)!
  const features = toDense(await encodeStream(ops, await model.openSae(hook), stream))
  await ops.dispose()
  const width = features.shape[1]
  // A cell's sum over its ten texts, of each text's mean over its tokens but BOS.
  const cells = Array.from({ length: 21 }, () => new Float64Array(width))
  let row = 0
  for (const [text, { length }] of ids.entries())
    for (let token = 0; token < length; token++, row++)
      for (let j = 0; token > 0 && j < width; j++)
        cells[Math.floor(text / 10)][j] += features.data[row * width + j] / (length - 1)
  const dot = (a: number, b: number) => cells[a].reduce((sum, value, j) => sum + value * cells[b][j], 0)
  const { cosines, cosine } = results.layers[1]
  const sums = { idea: 0, form: 0, neither: 0 }
  for (let a = 0; a < 21; a++)
    for (let b = 0; b < a; b++) {
      const expected = dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b))
      assert.ok(Math.abs(cosines[a][b] - expected) < 1e-5, `${a} ${b}: ${cosines[a][b]}, ${expected}`)
      const [sameTopic, sameForm] = [Math.floor(a / 3) === Math.floor(b / 3), a % 3 === b % 3]
      sums[sameTopic ? 'idea' : sameForm ? 'form' : 'neither'] += expected
    }
  // Of 210 pairs, 7 x 3 share the topic and 3 x 21 the form.
  assert.ok(Math.abs(cosine.idea - sums.idea / 21) < 1e-5)
  assert.ok(Math.abs(cosine.form - sums.form / 63) < 1e-5)
  assert.ok(Math.abs(cosine.neither - sums.neither / 126) < 1e-5)
})

command('pairs.csv and specialists.csv are results.json, row by row', () => {
  const pairs = csvParse(read('pairs.csv'))
  assert.is(pairs.length, 3 * 210)
  const one = pairs.find((row) => row.layer === '4' && row.cell_a === 'chess · words' && row.cell_b === 'music · words') // prettier-ignore
  assert.equal([one?.shared, Number(one?.cosine), Number(one?.jaccard)], ['form', results.layers[1].cosines[19][7], results.layers[1].overlaps[19][7]]) // prettier-ignore
  const rows = csvParse(read('specialists.csv')).map((row) => [row.layer, row.kind, row.feature, row.score, row.inside, row.outside_of]) // prettier-ignore
  assert.equal(
    rows,
    results.layers.flatMap(({ layer, specialists }) =>
      specialists.map((s) => [layer, s.kind, s.feature, s.score, s.inside[0], s.outside[1]].map(String)),
    ),
  )
})

command(
  'the report holds each answer, a picture for each layer and the tokens, and a card a named feature',
  () => {
    const { document } = parseHTML(read('report.html'))
    assert.equal(
      Array.from(document.querySelectorAll('.findings li'), (item) => item.textContent),
      results.answers.map(({ sentence, figures }) => `${sentence}The figures: ${sentence}${figures}`),
    )
    assert.is(document.querySelector('.answer')!.textContent, results.answer)
    assert.is(document.querySelectorAll('#cells ~ details svg').length, 3)
    for (const link of document.querySelectorAll('a[href^="#"]'))
      assert.ok(document.getElementById(link.getAttribute('href')!.slice(1)), link.getAttribute('href')!)
  },
)

command('to a person it prints the answers and where the files are', () => {
  const { stdout, status } = run('--layers', '2', '--permutations', '20', '--out', join(folder, 'text'))
  assert.is(status, 0)
  assert.match(stdout, /^Surface form or idea\? .* at layer 2; /m)
  assert.match(stdout, 'results.json, pairs.csv, specialists.csv')
})

command('what is asked for wrongly is named', () => {
  const missing = run('--layers', '9', '--out', join(folder, 'none'))
  assert.is(missing.status, 1)
  assert.is(missing.stderr, 'error: no SAE for layer 9 of tiny; it has SAEs for layers 0, 1, 2, 3, 4, 5\n')
  assert.ok(isOneLine(missing.stderr))
  for (const wrong of [['--top', '0'], ['--out', '']])
    assert.is(run(...wrong).status, 2, wrong.join(' ')) // prettier-ignore
})

command.run()
