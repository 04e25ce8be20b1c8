// Categories stand in the order of the texts everywhere, also those whose names are numbers.
import { csvParse } from 'd3-dsv'
import { parseHTML } from 'linkedom'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Tensor } from '../../engine/tensor.ts'
import { encodeSafetensors } from '../../engine/weights/safetensors.ts'
import { runScript } from '../helpers/cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'order-'))
const texts = join(folder, 'texts.json')
// By hand: an object literal would put 9 and 10 first.
writeFileSync(
  texts,
  '{"b": ["def f(x):\\n    return x", "import os"], "10": ["x^2 + 1 = 0", "a + b = c"], "9": ["Dear Sir,", "Hello"]}',
)
const ORDER = ['b', '10', '9']

const command = suite('order of categories')
command.after(() => rmSync(folder, { recursive: true }))

interface Listed {
  category: string
}

const namesOf = (list: readonly Listed[]): string[] => list.map(({ category }) => category)

/** Runs it in a folder of its own. -> what the terminal shows, and what reads the files it wrote */
function run(name: string, script: string, args: readonly string[]) {
  const { status, stdout, stderr } = runScript(script, [...args, '--out', join(folder, name)])
  assert.equal([status, stderr], [0, ''])
  return { stdout, read: (file: string) => readFileSync(join(folder, name, file), 'utf8') }
}

/** The rows of the terminal's tables that begin with a category. */
const rowsOf = (stdout: string): string[] =>
  [...stdout.matchAll(/^│ (b|10|9) +│/gm)].map(([, category]) => category)

/** The rows of a report's tables that begin with a category. */
function reportRows(html: string): string[] {
  const { document } = parseHTML(html)
  const heads = [...document.querySelectorAll('tbody th')].map(({ textContent }) => textContent.trim())
  return heads.filter((head) => ORDER.includes(head))
}

function isOrdered(found: readonly string[], where: string): void {
  assert.ok(found.length >= ORDER.length && found.length % ORDER.length === 0, where)
  assert.equal(found, found.map((_, i) => ORDER[i % ORDER.length]), where) // prettier-ignore
}

command('npm start: terminal, JSON, CSV and report', () => {
  const args = ['--texts', texts, '--layers', '2,3', '--permutations', '20', '--resamples', '20']
  const { stdout, read } = run('start', 'experiments/black-box/main.ts', args)
  isOrdered(rowsOf(stdout), 'terminal')
  const { layers, changes } = JSON.parse(read('results.json')) as {
    layers: { categories: Listed[]; statistics: { categories: Listed[] } }[]
    changes: { categories: Listed[] }[]
  }
  for (const { categories } of [...layers, ...layers.map(({ statistics }) => statistics), ...changes])
    assert.equal(namesOf(categories), ORDER)
  isOrdered(csvParse(read('categories.csv')).map(({ category }) => category), 'CSV') // prettier-ignore
  isOrdered(reportRows(read('report.html')), 'report')
})

command('npm run ablation: terminal, JSON, CSV and report', () => {
  const args = ['--texts', texts, '--layers', '3', '--texts-per-category', '1', '--random', '1']
  const quick = ['--resamples', '20', '--specialists', '1', '--tokens', '2', '--threshold', 'q90']
  const { stdout, read } = run('ablation', 'experiments/ablation/main.ts', [...args, ...quick])
  isOrdered(rowsOf(stdout), 'terminal')
  const { categories, features } = JSON.parse(read('results.json')) as {
    categories: Listed[]
    features: { removed: Listed[]; steered: Listed[] }[]
  }
  for (const list of [categories, ...features.flatMap(({ removed, steered }) => [removed, steered])])
    assert.equal(namesOf(list), ORDER)
  isOrdered(csvParse(read('effects.csv')).map(({ texts_of }) => texts_of), 'CSV') // prettier-ignore
  isOrdered(reportRows(read('report.html')), 'report')
})

command('npm run analyse: terminal and JSON', () => {
  const features = join(folder, 'features.safetensors')
  const numbers = Float32Array.from({ length: 6 * 4 }, (_, i) => (i * 7) % 11)
  writeFileSync(features, encodeSafetensors(new Map([['features', new Tensor([6, 4], numbers)]])))
  const args = ['--features', features, '--labels', texts, '--permutations', '20', '--resamples', '20']
  const analyse = (...more: string[]) => runScript('experiments/black-box/analyse.ts', [...args, ...more])
  isOrdered(rowsOf(analyse().stdout), 'terminal')
  const { layers } = JSON.parse(analyse('--json').stdout) as { layers: { categories: Listed[] }[] }
  assert.equal(namesOf(layers[0].categories), ORDER)
})

command.run()
