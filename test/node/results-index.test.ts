import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parseHTML } from 'linkedom'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { updateResultsIndex } from '../../experiments/lab/report/results-index.ts'

const test = suite<{ folder: string }>('results index')

test.before.each(async (context) => {
  context.folder = await mkdtemp(join(tmpdir(), 'clearbox-index-'))
})
test.after.each(({ folder }) => rm(folder, { recursive: true }))

const write = async (path: string, content: string): Promise<void> => {
  await mkdir(dirname(path), { recursive: true })
  await writeFile(path, content)
}

const indexOf = async (folder: string): Promise<Document> =>
  parseHTML(await readFile(await updateResultsIndex(folder), 'utf8')).document

const textsOf = (document: Document, selector: string): string[] =>
  [...document.querySelectorAll(selector)].map((element) => (element.textContent ?? '').trim())

test('every report is linked once, by experiment, with its title, model and date; other files are not', async ({
  folder,
}) => {
  const report = join(folder, 'black-box', 'tiny', 'report.html')
  await write(report, '<!doctype html><html><head><title>The box &amp; tiny</title></head></html>')
  await utimes(report, 0, Date.UTC(2026, 0, 2, 3, 4, 59) / 1000)
  await write(join(folder, 'black-box', 'tiny', 'results.json'), '{}')
  await write(join(folder, 'feature', 'tiny', '4-11', 'report.html'), '<title>Eleven</title>')
  await write(join(folder, 'feature', 'tiny', '4-2', 'report.html'), '<title>Two</title>')
  const document = await indexOf(folder)
  assert.equal(textsOf(document, 'h2'), ['black-box', 'feature'])
  assert.equal(
    [...document.querySelectorAll('a')].map((link) => [link.getAttribute('href'), link.textContent]),
    [
      ['black-box/tiny/report.html', 'The box & tiny'],
      ['feature/tiny/4-2/report.html', 'Two'],
      ['feature/tiny/4-11/report.html', 'Eleven'],
    ],
  )
  assert.match(textsOf(document, '.facts')[0], /^tiny · 2026-01-02 03:04 UTC$/)
})

test('the index follows what is there: a report that is gone is not linked, none at all is said', async ({
  folder,
}) => {
  await write(join(folder, 'ablation', 'tiny', 'report.html'), '<title>Without</title>')
  assert.equal(textsOf(await indexOf(folder), 'a'), ['Without'])
  await rm(join(folder, 'ablation'), { recursive: true })
  const document = await indexOf(folder)
  assert.equal(textsOf(document, 'a'), [])
  assert.match(document.body.textContent ?? '', 'No experiment has written a report here yet')
  assert.equal(await readdir(folder), ['index.html'], 'nothing half-written stays behind')
})

test('names and titles are shown, not run, and a link leads to its file whatever its folder is called', async ({
  folder,
}) => {
  const name = 'a #1 ?"><img onerror=1>'
  await write(join(folder, 'feature', name, 'report.html'), '<title>&lt;script&gt;x&lt;/script&gt;</title>')
  const document = await indexOf(folder)
  assert.is(document.querySelector('img, script'), null)
  assert.equal(textsOf(document, 'a'), ['<script>x</script>'])
  const link = new URL(document.querySelector('a')?.getAttribute('href') ?? '', 'https://example.org/')
  assert.equal(
    [decodeURIComponent(link.pathname), link.search, link.hash],
    [`/feature/${name}/report.html`, '', ''],
  )
})

test('a report without a title goes by its path', async ({ folder }) => {
  await write(join(folder, 'mine', 'tiny', 'report.html'), '<p>hello</p>')
  assert.equal(textsOf(await indexOf(folder), 'a'), ['mine tiny'])
})

test('a folder that is not there yet is made', async ({ folder }) => {
  assert.match(await readFile(await updateResultsIndex(join(folder, 'new')), 'utf8'), 'No experiment')
})

test.run()
