// `npm start`: its four files and its JSON tell one story, whatever the texts hold; its options; its errors.
import { csvParse } from 'd3-dsv'
import { parseHTML } from 'linkedom'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBackend } from '../../engine/backends.ts'
import { toDense } from '../../engine/sparse.ts'
import type { AnalysedLayer, LayerChange, Verdict } from '../../experiments/lab/analysis/layer-analysis.ts'
import { showBriefly, showVerdict } from '../../experiments/black-box/verdicts.ts'
import { captureStreams, encodeStream } from '../../experiments/lab/models/features.ts'
import { openModel } from '../../experiments/lab/models/models.ts'
import type { FeatureDashboard } from '../../experiments/lab/analysis/features/feature-dashboard.ts'
import { showNumber } from '../../experiments/lab/report/numbers.ts'
import { namedFeature } from '../../experiments/lab/report/tokens.ts'
import { categoriesRows } from '../helpers/categories-rows.ts'
import { reportsBeside } from '../helpers/links.ts'
import { runScript } from '../helpers/cli.ts'
import { ofCategory } from '../../experiments/lab/analysis/by-category.ts'
import { categoriesOf } from '../../experiments/lab/texts/texts.ts'

interface Results {
  provenance: Record<string, string>
  verdicts: Verdict[]
  sae_quality: string
  texts: { category: string; text: string; tokens: number }[]
  layers: AnalysedLayer[]
  changes: LayerChange[]
  features: Omit<FeatureDashboard, 'firing_texts'>[]
}

const script = 'experiments/black-box/main.ts'
const folder = mkdtempSync(join(tmpdir(), 'start-'))
const FILES = ['categories.csv', 'firing-texts.csv', 'report.html', 'results.json']

/** Texts that try to break out of every format they are written to. */
const hostile: [category: string, texts: string[]][] = [
  ['__proto__', ['a, "quoted" text', '<script>alert(1)</script> and <|endoftext|>']],
  ['constructor', ['=1+1', "--flag 'x' \u001b[31mred"]],
  ['<img src=x onerror=alert(1)>', ['👩‍👩‍👧 emoji', '" onmouseover="alert(1)" x="']],
  ['comma, "quote"', ['</script><script>alert(2)</script>', '   spaces   ']],
]
const rows = hostile.flatMap(([category, texts]) => texts.map((text) => ({ category, text })))

function write(name: string, content: string): string {
  writeFileSync(join(folder, name), content)
  return join(folder, name)
}

// By hand: an object literal would take `__proto__` for the prototype.
const member = ([category, texts]: (typeof hostile)[number]) =>
  `${JSON.stringify(category)}: ${JSON.stringify(texts)}`
const textsJson = write('texts.json', `{${hostile.map(member).join(', ')}}`)

const start = (...args: string[]) => runScript(script, args)

/** Runs it to the end and reads what it wrote. */
function results(out: string, ...args: string[]): Results & { stdout: string; folder: string } {
  const path = join(folder, out)
  const { status, stdout, stderr } = start('--json', '--out', path, ...args)
  assert.is(stderr, '')
  assert.is(status, 0)
  assert.is(readFileSync(join(path, 'results.json'), 'utf8'), stdout)
  return { ...(JSON.parse(stdout) as Results), stdout, folder: path }
}

const read = (path: string, name: string): string => readFileSync(join(path, name), 'utf8')

/** As JSON: a category called `constructor` confuses uvu's comparison. */
const same = (actual: unknown, expected: unknown) =>
  assert.is(JSON.stringify(actual), JSON.stringify(expected))

/** The run that most tests look at, of a file whose name a shell would not take as it is. */
const odd = write("it's mine.json", readFileSync(textsJson, 'utf8'))
const shared = results('all', '--texts', odd, '--layers', '4,1,4', '--backend', 'reference')

const command = suite('start')
command.after(() => rmSync(folder, { recursive: true }))

command('prints nothing but JSON, the same as in results.json, and writes all four files', () => {
  const { folder, layers, texts, changes, verdicts, provenance } = shared
  assert.equal(readdirSync(folder).sort(), FILES)
  assert.equal(
    texts.map(({ category, text }) => ({ category, text })),
    rows,
  )
  assert.equal(
    layers.map(({ layer }) => layer),
    [1, 4],
    'in the model’s order, each once',
  )
  assert.is(changes.length, 1)
  assert.is(verdicts.length, 4)
  for (const { categories } of layers)
    assert.equal(
      categoriesOf(categories),
      hostile.map(([category]) => category),
    )
  assert.is(provenance.threshold, 'q98 of each layer’s positive token means')
  assert.is(provenance.hook, 'blocks.{1,4}.hook_resid_pre')
  assert.match(provenance.command, `--texts "${odd}" --layers 4,1,4 --backend reference`)
})

command('of every feature that it names it tells what `feature` does', () => {
  const { layers, features } = shared
  for (const { layer, firing_texts } of layers)
    assert.equal(
      features.filter((one) => one.layer === layer).map(({ feature }) => String(feature)).sort(),
      Object.keys(firing_texts).sort(),
    ) // prettier-ignore
  const [first] = features
  assert.equal([first.layer, first.next_layer?.layer, features.at(-1)?.next_layer], [1, 4, null])
  assert.ok(features.some(({ next_layer }) => next_layer && next_layer.features.length > 0))
  const args = ['--texts', odd, '--layer', '1', '--feature', String(first.feature), '--backend', 'reference']
  const alone = runScript('experiments/feature/main.ts', [
    ...args,
    '--json',
    '--out',
    join(folder, 'feature'),
  ])
  const [found] = (JSON.parse(alone.stdout) as { features: FeatureDashboard[] }).features
  same({ ...found, firing_texts: undefined, next_layer: null }, { ...first, next_layer: null })
})

command('categories.csv is results.json, one row per category and layer', () => {
  const { folder, layers } = shared
  const expected = categoriesRows(layers)
  assert.is(expected.length, 8)
  const found = [...csvParse(read(folder, 'categories.csv'))].map((row) => ({ ...row }))
  assert.equal(found, expected)

  const firing = [...csvParse(read(folder, 'firing-texts.csv'))].map((row) => ({ ...row }))
  const fires = layers.flatMap(({ layer, firing_texts }) =>
    Object.entries(firing_texts).flatMap(([feature, texts]) =>
      texts.map(([row, value]) => ({
        layer: String(layer),
        feature,
        value: String(value),
        text_row: String(row),
        ...rows[row],
      })),
    ),
  )
  // No spreadsheet may take a text for a formula.
  const guarded = fires.map((one) => ({ ...one, text: one.text.replace(/^[=+@-]/, "'$&") }))
  assert.equal(firing, guarded)
  assert.ok(guarded.some(({ text }) => text === "'=1+1"))
})

command('report.html shows the same numbers, and texts as texts', () => {
  const { folder, layers, verdicts } = shared
  const html = read(folder, 'report.html')
  const { document } = parseHTML(html)
  const headed = [...document.querySelectorAll('table')].find((table) =>
    table.querySelector('caption')?.textContent?.trim().startsWith('Peak'),
  )!
  const shown = [...headed.querySelectorAll('tbody tr')].map((row) => ({
    name: row.querySelector('th')!.textContent.trim(),
    cells: [...row.querySelectorAll('td')].map((cell) => cell.textContent.replace(/\s+/g, ' ')),
  }))
  assert.equal(
    shown.map(({ name }) => name),
    hostile.map(([category]) => category),
  )
  for (const { name, cells } of shown)
    for (const [i, cell] of cells.entries()) {
      const { value, feature } = ofCategory(layers[i].categories, name).peak!
      assert.ok(cell.startsWith(showNumber(value)), cell)
      assert.match(cell, new RegExp(`\\b${feature}\\b`))
    }
  const text = document.body.textContent.replace(/\s+/g, ' ')
  for (const { claim, status, brief, detail } of verdicts)
    for (const part of [`${claim}: ${status} (${brief}).`, detail]) assert.ok(text.includes(part), part)
  assert.is(document.querySelector('img'), null)
  assert.is(document.querySelector('[onmouseover], [onerror]'), null)
  assert.not.match(html, /<script>alert/)
})

command('--permutations, --resamples and --seed decide the statistics, and nothing else', () => {
  const args = ['--texts', textsJson, '--layers', '1,4', '--backend', 'reference', '--permutations', '50']
  const seeded = results('seeded', ...args, '--resamples', '60', '--seed', '7')
  assert.is(seeded.provenance.seed, '7')
  for (const [i, { statistics, ...figures }] of seeded.layers.entries()) {
    const { statistics: others, ...same_ } = shared.layers[i]
    same(figures, same_)
    assert.equal([statistics.permutations, statistics.resamples, statistics.seed], [50, 60, 7])
    assert.equal([others.permutations, others.resamples, others.seed], [1000, 2000, 0])
    assert.is(statistics.stream_norm, others.stream_norm)
  }
})

command(
  'SAE quality: asked for on the reference backend, left out there unasked, held-out documents beside',
  () => {
    assert.match(
      shared.sae_quality,
      /^not measured: 7 passes through tiny on reference take long; --quality asks for them$/,
    )
    assert.ok(shared.layers.every(({ quality }) => quality === null))
    const file = write('held-out.txt', 'One document.\r\nIts second line.\n\n \nAnother.\n')
    const layer = ['--texts', textsJson, '--layers', '1', '--backend', 'reference', '--permutations', '9']
    const { layers, sae_quality } = results('quality', ...layer, '--held-out', file)
    assert.is(sae_quality, `measured on all texts, and on 2 documents of ${file}`)
    const { texts, held_out } = layers[0].quality!
    assert.is(texts.texts, rows.length)
    assert.is(texts.tokens, shared.texts.reduce((sum, { tokens }) => sum + tokens, 0)) // prettier-ignore
    assert.is(held_out!.texts, 2)
    for (const { ce_clean, ce_zero_ablated } of [texts, held_out!]) assert.ok(ce_clean < ce_zero_ablated)
    assert.is.not(texts.ce_clean, held_out!.ce_clean)
  },
)

command('a peak is the highest mean over a text’s tokens behind BOS, summed by hand', async () => {
  const ops = await createBackend('reference')
  const model = await openModel('tiny', ops, { quiet: true })
  const hook = 'blocks.4.hook_resid_pre'
  const sae = await model.openSae(hook)
  for (const [category, texts] of hostile) {
    let best = { feature: -1, value: 0 }
    for (const text of texts) {
      const ids = model.tokenize(text)
      const stream = (await captureStreams(model.gpt2, [ids], [hook])).get(hook)!
      const { data, shape } = toDense(await encodeStream(ops, sae, stream))
      for (let feature = 0; feature < shape[1]; feature++) {
        let sum = 0
        for (let token = 1; token < ids.length; token++) sum += data[token * shape[1] + feature]
        if (sum / (ids.length - 1) > best.value) best = { feature, value: sum / (ids.length - 1) }
      }
    }
    const { peak } = ofCategory(shared.layers[1].categories, category)
    assert.is(peak!.feature, best.feature, category)
    assert.ok(Math.abs(peak!.value - best.value) < 1e-6, category)
  }
  await ops.dispose()
})

command('texts as CSV and as a folder give the numbers that they give as JSON', () => {
  const layer = ['--layers', '1,4', '--backend', 'reference']
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`
  const csv = rows.map(({ category, text }) => `${quoted(text)},7,${quoted(category)}`)
  const texts = write('texts.csv', ['text,id,category', ...csv].join('\r\n'))
  const fromCsv = results('csv', '--texts', texts, ...layer)
  same(fromCsv.layers, shared.layers)
  same(fromCsv.texts, shared.texts)

  mkdirSync(join(folder, 'mine'))
  for (const [category, texts] of hostile)
    writeFileSync(join(folder, 'mine', `${category}.txt`), texts.join('\n'))
  const fromFolder = results('folder', '--texts', join(folder, 'mine'), ...layer)
  for (const [category] of hostile)
    same(
      ofCategory(fromFolder.layers[1].categories, category),
      ofCategory(shared.layers[1].categories, category),
    )
})

command('--threshold takes a number or a quantile', () => {
  const args = ['--texts', textsJson, '--layers', '1,4', '--backend', 'reference']
  const number = results('number', ...args, '--threshold', '0.5')
  assert.equal(
    number.layers.map(({ threshold }) => threshold),
    [0.5, 0.5],
  )
  assert.is(number.provenance.threshold, '0.5')
  const half = results('half', ...args, '--threshold', 'q50')
  assert.is(half.provenance.threshold, 'q50 of each layer’s positive token means')
  for (const [i, { threshold, pairs_above_threshold, strongest }] of half.layers.entries()) {
    assert.ok(threshold < shared.layers[i].threshold)
    // Half of the pairs are above their median, a fiftieth above q98: about 25 times as many.
    const above98 = shared.layers[i].pairs_above_threshold
    assert.ok(Math.abs(pairs_above_threshold / 25 - above98) < 2, `${pairs_above_threshold}, ${above98}`)
    assert.equal(strongest, number.layers[i].strongest)
  }
})

command('the terminal shows every category and layer, the findings, and where the files are', () => {
  const cwd = mkdtempSync(join(folder, 'cwd-'))
  const { status, stdout, stderr } = runScript(script, ['--texts', textsJson], cwd)
  assert.is(status, 0)
  assert.is(stderr, '')
  const path = join(cwd, 'results/black-box/tiny')
  const { layers, verdicts } = JSON.parse(read(path, 'results.json')) as Results
  for (const { categories, statistics, feature_tokens: tokens } of layers)
    for (const { category, peak, full_search } of categories) {
      assert.match(stdout, `${peak!.value.toFixed(2)} #${peak!.feature}`)
      assert.match(stdout, ` ${namedFeature(0, tokens[peak!.feature]).slice(2)} `)
      const { value, within_chance } = ofCategory(statistics.categories, category).score
      assert.match(stdout, ` ${value}${within_chance ? ' ?' : ''} #${full_search.features[0]} `)
    }
  const claims = verdicts.map((verdict) => `- ${showBriefly(verdict)}\n`).join('')
  assert.match(stdout, `\n\n${claims}\n8 texts, `)
  assert.not.match(stdout, verdicts[0].detail)
  const verbose = runScript(script, ['--texts', textsJson, '--verbose', '--no-quality'], cwd)
  for (const verdict of verdicts) assert.match(verbose.stdout, showVerdict(verdict))
  const recovered = layers.map(({ quality }) => quality!.texts.ce_recovered)
  const ends = [Math.min(...recovered), Math.max(...recovered)].map((value) => value.toFixed(2))
  assert.match(stdout, `CE recovered ${ends.join(' to ')} of what zeros cost, `)
  const costs = layers.map(({ quality }) => quality!.texts.ce_spliced - quality!.texts.ce_clean)
  const range = [Math.min(...costs), Math.max(...costs)].map((value) => value.toFixed(2)).join(' to ')
  assert.match(stdout, `splicing each one in costs ${range} nats per token`)
  assert.match(stdout, 'SAE quality: measured on all texts')
  assert.ok(stdout.split('\n').length < 60 + layers.length, 'a page or so, and a line for each SAE')
  for (const part of ['__proto__', 'cannot be compared', 'layer 5', 'report: file://', 'threshold  q98'])
    assert.match(stdout, part)
  assert.not.match(stdout, '\u001b')
  assert.equal(readdirSync(path).sort(), FILES)
  const report = join(path, 'report.html')
  assert.equal(reportsBeside(report), [report], 'the index links the only report there is')
})

command.run()
