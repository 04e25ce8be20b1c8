// `npm run ablation`: its files and its JSON tell one story, the same for the same seed; its options; its errors.
import { csvParse } from 'd3-dsv'
import { parseHTML } from 'linkedom'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { AblationResults } from '../../experiments/ablation/effects.ts'
import { isOneLine, runScript } from '../helpers/cli.ts'
import type { Finding } from '../../experiments/ablation/findings.ts'
import { reportsBeside } from '../helpers/links.ts'
import { ofCategory } from '../../experiments/lab/analysis/by-category.ts'
import { categoriesOf } from '../../experiments/lab/texts/texts.ts'

interface Results extends AblationResults {
  provenance: Record<string, string>
  findings: Finding[]
  answer: string
  run: { id: string }
}

const script = 'experiments/ablation/main.ts'
const folder = mkdtempSync(join(tmpdir(), 'ablation-'))
const texts = join(folder, 'texts.json')
const categories = {
  Python: ['def add(a, b):\n    return a + b', 'for i in range(10):\n    print(i)', 'import os\nx = [1, 2]'],
  Formal: ['We hereby notify you of the following.', 'Dear Sir or Madam,', 'The parties agree as follows:'],
  Math: ['x^2 + 1 = 0', '\\int_0^1 f(x) dx = 2', 'a + b = c'],
}
writeFileSync(texts, JSON.stringify(categories))

const small = ['--texts', texts, '--layers', '4', '--texts-per-category', '2', '--random', '1']
const quick = [...small, '--resamples', '40', '--specialists', '2', '--tokens', '4', '--threshold', 'q90']
const ablation = (...args: string[]) => runScript(script, [...quick, ...args])
const FILES = ['correlations.csv', 'effects.csv', 'report.html', 'results.json']

/** Runs it to the end and reads what it printed. */
function results(out: string, ...args: string[]): Results & { stdout: string } {
  const { status, stdout, stderr } = ablation('--json', '--out', join(folder, out), ...args)
  assert.equal([status, stderr], [0, ''])
  return { ...(JSON.parse(stdout) as Results), stdout }
}

const shared = results('shared')
const read = (name: string): string => readFileSync(join(folder, 'shared', name), 'utf8')

const command = suite('ablation')
command.after(() => rmSync(folder, { recursive: true }))

command('prints nothing but JSON, the same as in results.json, and writes all four files', () => {
  assert.is(read('results.json'), shared.stdout)
  assert.equal(readdirSync(join(folder, 'shared')).sort(), FILES)
  assert.equal(categoriesOf(shared.categories), Object.keys(categories))
  assert.ok(shared.categories.every(({ texts }) => texts.length === 2))
  // A specialist a category, and one random feature beside each.
  assert.equal(shared.features.map(({ kind, layer }) => `${kind} ${layer}`).sort(), [
    ...['random 4', 'random 4', 'random 4', 'specialist 4', 'specialist 4', 'specialist 4'],
  ])
  assert.match(shared.provenance.command, `npm run ablation -- --texts ${texts} --layers 4`)
  assert.is(shared.provenance.seed, '0')
})

command('the same seed gives the same numbers and texts; another draws other ones', () => {
  const { provenance: _, run: __, stdout: ___, ...again } = results('again')
  const { provenance, run: ____, stdout: _____, ...first } = shared
  assert.is(provenance.model, 'tiny')
  assert.equal(again, first)
  const other = results('other', '--seed', '3')
  const drawn = ({ categories }: Results) => categories.map(({ texts }) => texts.join())
  assert.not.equal(drawn(other), drawn(shared))
})

command('effects.csv and correlations.csv are results.json, row by row', () => {
  const effects = csvParse(read('effects.csv'))
  assert.is(effects.length, 6 * 2 * 3)
  for (const { layer, feature, edit, texts_of: category, loss, kl } of effects) {
    const one = shared.features.find((one) => one.layer === Number(layer) && one.feature === Number(feature))!
    const found = ofCategory(one[edit as 'removed' | 'steered'], category)
    assert.equal([Number(loss), Number(kl)], [found.loss, found.kl])
  }
  assert.equal(
    csvParse(read('correlations.csv')).map(({ rho }) => rho),
    shared.correlations.map(({ rho }) => String(rho?.value ?? '')),
  )
})

command('each specialist writes on from the start of a text in which it fires, or from a prompt', () => {
  const all = Object.values(categories).flat()
  assert.is(shared.generations.length, 2)
  for (const { prompt, text, fires, as_it_is, up, layer, feature } of shared.generations) {
    assert.ok(all[text!].startsWith(prompt) && prompt !== '', prompt)
    assert.ok(fires)
    assert.is.not(as_it_is, up)
    const { strongest } = shared.features.find((one) => one.layer === layer && one.feature === feature)!
    assert.is(strongest!.text, text)
  }
  const own = results('own', '--generate', 'The captain')
  assert.equal(
    own.generations.map(({ prompt, text }) => [prompt, text]),
    [['The captain', null], ['The captain', null]],
  ) // prettier-ignore
})

command('an empty prompt begins at <|endoftext|> alone, as in generate', () => {
  const { generations } = results('empty', '--generate', '', '--tokens', '3')
  const args = ['--prompt', '', '--temperature', '0', '--tokens', '3', '--json']
  const { stdout } = runScript('experiments/tools/generate/main.ts', args)
  const { text } = JSON.parse(stdout) as { text: string }
  assert.ok(text.length > 0)
  assert.equal(
    generations.map(({ prompt, as_it_is }) => [prompt, as_it_is]),
    generations.map(() => ['', text]),
  )
})

command(
  'to a person it prints tables, findings and where the files are; the report holds the findings',
  () => {
    const cwd = mkdtempSync(join(folder, 'cwd-'))
    const { status, stdout, stderr } = runScript(script, quick, cwd)
    assert.equal([status, stderr], [0, ''])
    const path = join(cwd, 'results/ablation/tiny')
    const { findings, generations } = JSON.parse(readFileSync(join(path, 'results.json'), 'utf8')) as Results
    const told = findings.filter(({ told }, i) => told || i === 0)
    const untold = findings.length - told.length
    assert.ok(untold > 1)
    const said = [
      ...told.map(({ sentence }) => sentence),
      `${untold} more comparisons cannot clearly be told: in the report, and with --verbose.`,
    ]
    assert.match(stdout, `\n\n${said.map((sentence) => `- ${sentence}\n`).join('')}\n`)
    const { stdout: verbose } = runScript(script, [...quick, '--verbose'], cwd)
    for (const { sentence, figures } of findings) assert.match(verbose, `- ${sentence} ${figures}\n`)
    assert.match(stdout, `Continued from the start of text ${generations[0].text! + 1}, where it fires most`)
    assert.match(stdout, 'results.json, effects.csv, correlations.csv')
    assert.not.match(stdout, '\u001b')
    const { document } = parseHTML(readFileSync(join(path, 'report.html'), 'utf8'))
    assert.is(document.querySelector('.answer')?.textContent, findings[0].sentence)
    const items = Array.from(document.querySelectorAll('.findings li'), (item) => item.textContent)
    const inOrder = [...told, ...findings.filter((one) => !told.includes(one))]
    for (const [i, { sentence, figures }] of inOrder.entries())
      assert.ok(items[i].startsWith(sentence) && items[i].endsWith(figures), items[i])
    assert.is(document.querySelectorAll('.behind .findings li').length, untold)
    for (const link of document.querySelectorAll('a[href^="#"]'))
      assert.ok(document.getElementById(link.getAttribute('href')!.slice(1)), link.getAttribute('href')!)
    assert.equal(reportsBeside(join(path, 'report.html')), [join(path, 'report.html')])
  },
)

command('--help names every option, and exits 0', () => {
  const { status, stdout } = runScript(script, ['--help'])
  assert.is(status, 0)
  for (const option of ['--texts', '--layers', '--random', '--strength', '--generate', '--seed', '--json'])
    assert.match(stdout, option)
})

command('what is asked for wrongly is named, in a line', () => {
  const missing = ablation('--layers', '9')
  assert.is(missing.status, 1)
  assert.is(missing.stderr, 'error: no SAE for layer 9 of tiny; it has SAEs for layers 0, 1, 2, 3, 4, 5\n')
  const silent = ablation('--texts', join(folder, 'none.json'))
  assert.is(silent.status, 1)
  assert.ok(isOneLine(silent.stderr))
  assert.match(silent.stderr, 'none.json')
  const wrong: [args: string[], said: RegExp][] = [
    [['--random', '-1'], /random: expected a whole number from 0 to 100, got '-1'/],
    [['--strength', 'loud'], /strength: expected a number from 0 to 1000, got 'loud'/],
    [['--layers', '2,,3'], /layers: expected entries separated by commas, none empty, got '2,,3'/],
    [['--threshold', 'q101'], /q101/],
    [['--out', ''], /--out needs the name of a folder/],
    [['--layer', '2'], /unknown option '--layer'/],
  ]
  for (const [args, said] of wrong) {
    const { status, stdout, stderr } = ablation(...args)
    assert.equal([status, stdout], [2, ''], args.join(' '))
    assert.match(stderr, said)
  }
})

command.run()
