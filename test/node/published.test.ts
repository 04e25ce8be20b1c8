// A run that is killed while it publishes leaves what can be told from a whole one, and the next one sweeps up after it.
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseHTML } from 'linkedom'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { draftOf, sweepDrafts } from '../../experiments/lab/cli/draft-node.ts'
import { writeAtomically } from '../../experiments/lab/cli/write-node.ts'
import { readPublished } from '../../experiments/lab/report/published-node.ts'
import { updateResultsIndex } from '../../experiments/lab/report/results-index.ts'
import { runScript } from '../helpers/cli.ts'

const root = join(import.meta.dirname, '../..')
const folder = mkdtempSync(join(tmpdir(), 'published-'))
const texts = join(folder, 'texts.json')
writeFileSync(texts, '{"A": ["x = 1", "import os"], "B": ["Hereby.", "The parties agree."]}')
const script = 'experiments/black-box/main.ts'
const quick = ['--texts', texts, '--json', '--no-quality', '--permutations', '10', '--resamples', '10']
const FILES = ['categories.csv', 'firing-texts.csv', 'report.html', 'results.json']

const runIn = (cwd: string, layer: string) => runScript(script, [...quick, '--layers', layer], cwd)

/** Runs it in `cwd`, and kills it after so many of its files have got their names. */
function killAfter(renamed: number, cwd: string, layer: string): void {
  const hook = join(root, 'test/fixtures/cli/kill-at-rename.ts')
  const args = ['--import', hook, join(root, script), ...quick, '--layers', layer]
  const env = { ...process.env, KILL_AT: String(renamed) }
  assert.is(spawnSync(process.execPath, args, { cwd, env, encoding: 'utf8' }).signal, 'SIGKILL')
}

interface Stored {
  run: { id: string }
  question: string
  answer: string
}

const test = suite('published results')
test.after(() => rmSync(folder, { recursive: true }))

test('a run is in results.json and report.html, with its question, answer, options and date in the index', async () => {
  const cwd = mkdtempSync(join(folder, 'whole-'))
  const { stdout } = runIn(cwd, '1')
  const place = join(cwd, 'results/black-box/tiny')
  const { run, question, answer } = JSON.parse(stdout) as Stored
  const report = parseHTML(readFileSync(join(place, 'report.html'), 'utf8')).document
  assert.is(report.querySelector('meta[name=clearbox-run]')?.getAttribute('content'), run.id)
  assert.is(report.querySelector('.answer')?.textContent, answer)
  const found = await readPublished(place)
  assert.is(found.mixed, false)
  const index = parseHTML(readFileSync(join(cwd, 'results/index.html'), 'utf8')).document
  const [entry] = [...index.querySelectorAll('.results li')].map((item) => item.textContent)
  for (const part of [question, answer, found.command!, found.date!.slice(0, 16).replace('T', ' '), 'tiny'])
    assert.ok(entry.includes(part), part)
  assert.is(index.querySelector('.mixed'), null)
})

for (const renamed of [1, 3])
  test(`killed after ${renamed} of 4 files: the mix is told by its index and by the next run, which sweeps up`, async () => {
    const cwd = mkdtempSync(join(folder, 'mixed-'))
    const place = join(cwd, 'results/black-box/tiny')
    runIn(cwd, '0')
    killAfter(renamed, cwd, '1')
    assert.is((await readPublished(place)).mixed, true)
    assert.is(readdirSync(place).filter((name) => name.endsWith('.partial')).length, 4 - renamed)
    const index = parseHTML(readFileSync(await updateResultsIndex(join(cwd, 'results')), 'utf8')).document
    assert.match(index.querySelector('.mixed')?.textContent ?? '', 'its files do not belong together')
    const { stderr } = runIn(cwd, '1')
    assert.match(stderr, /^note: .*tiny: its files do not belong together: .*; this run replaces them\n$/)
    assert.equal(readdirSync(place).sort(), FILES)
    assert.is((await readPublished(place)).mixed, false)
    const { document } = parseHTML(readFileSync(join(cwd, 'results/index.html'), 'utf8'))
    assert.is(document.querySelector('.mixed'), null)
  })

test('killed before the first file has its name: the former results are whole, and nothing is said', async () => {
  const cwd = mkdtempSync(join(folder, 'before-'))
  const place = join(cwd, 'results/black-box/tiny')
  runIn(cwd, '0')
  const before = readFileSync(join(place, 'results.json'), 'utf8')
  killAfter(0, cwd, '0')
  assert.is(readFileSync(join(place, 'results.json'), 'utf8'), before)
  assert.is((await readPublished(place)).mixed, false)
  assert.is(readdirSync(place).length, 8)
  assert.is(runIn(cwd, '0').stderr, '')
  assert.equal(readdirSync(place).sort(), FILES)
})

test('a first run that is killed is mixed too; a report without results.json is not', async () => {
  const cwd = mkdtempSync(join(folder, 'first-'))
  killAfter(1, cwd, '0')
  assert.is((await readPublished(join(cwd, 'results/black-box/tiny'))).mixed, true)
  mkdirSync(join(cwd, 'mine'))
  writeFileSync(join(cwd, 'mine/report.html'), '<title>Mine</title>')
  assert.equal(
    [(await readPublished(join(cwd, 'mine'))).mixed, (await readPublished(cwd)).mixed],
    [false, false],
  )
})

test('drafts of the living stay, of the dead go; of another machine’s after a day; other files are not touched', async () => {
  const place = mkdtempSync(join(folder, 'drafts-'))
  const { pid: dead } = spawnSync(process.execPath, ['-e', ''])
  const draft = (host: string, pid: number) => join(place, `a.json.${host}.${pid}.0123abcd.partial`)
  const paths = {
    mine: draftOf(join(place, 'a.json')),
    dead: draft(hostname(), dead),
    elsewhere: draft('elsewhere', dead),
    old: draft('long-ago', process.pid),
    download: join(place, 'model.safetensors.partial'),
  }
  for (const path of Object.values(paths)) writeFileSync(path, '')
  mkdirSync(draftOf(join(place, 'folder')).replace(`.${process.pid}.`, `.${dead}.`))
  const dayAgo = Date.now() / 1000 - 86_401
  utimesSync(paths.old, dayAgo, dayAgo)
  await sweepDrafts(place)
  const left = [paths.mine, paths.elsewhere, paths.download]
    .map((path) => path.slice(place.length + 1))
    .sort()
  assert.equal(readdirSync(place).sort(), left)
  writeFileSync(paths.dead, '')
  await writeAtomically(join(place, 'b.json'), '{}')
  assert.equal(readdirSync(place).sort(), [...left, 'b.json'].sort(), 'whoever writes there sweeps')
})

test.run()
