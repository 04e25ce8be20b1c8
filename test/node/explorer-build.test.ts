import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { positiveEntries } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { buildExplorer } from '../../experiments/explorer/build/build.ts'
import { checkPath } from '../../experiments/explorer/build/bundle.ts'
import { featureHints } from '../../experiments/explorer/build/hints.ts'
import { cutFunction, readSources } from '../../experiments/explorer/build/sources.ts'
import { refusesReadOnly } from '../helpers/read-only.ts'

const folder = await mkdtemp(join(tmpdir(), 'clearbox-explore-'))
const out = join(folder, 'explorer')
const steps: string[] = []
const built = await buildExplorer(out, (step) => steps.push(step))
const names = await readdir(out, { recursive: true })
const read = (name: string) => readFile(join(out, name), 'utf8')

const sources = suite('explorer sources')

const FILE = `// header
import { a } from './a.ts'

/** What it is. */
export const LIMIT = 3

/** Not this one's. */

/**
 * Adds.
 */
export function add(x: number): number {
  return x + a
}
const inner = () => { function hidden() {} }
`

sources('a function is cut out with its comment, and the line on which that begins', () => {
  const { file, line, code } = cutFunction('x.ts', FILE, 'add')
  assert.equal([file, line], ['x.ts', 9])
  assert.is(code, '/**\n * Adds.\n */\nexport function add(x: number): number {\n  return x + a\n}')
  assert.equal(cutFunction('x.ts', FILE, 'LIMIT'), {
    file: 'x.ts',
    line: 4,
    code: '/** What it is. */\nexport const LIMIT = 3',
  })
  assert.is(cutFunction('x.ts', FILE.replaceAll('\n', '\r\n'), 'add').code, code)
})

sources('a name that is gone, or not at the top level, is an error that says what to mend', () => {
  for (const name of ['subtract', 'hidden', 'a'])
    assert.throws(
      () => cutFunction('x.ts', FILE, name),
      new RegExp(`^x\\.ts no longer has a top-level ${name}.*build/sources\\.ts$`),
    )
})

sources('every step has lines of real files, as they stand there', async () => {
  const found = await readSources()
  assert.equal(Object.keys(found).sort(), [
    'attention',
    'card',
    'edit',
    'features',
    'lens',
    'library',
    'mlp',
    'next',
    'patch',
    'superposition',
    'tokens',
    'why',
    'write',
  ])
  for (const snippets of Object.values(found)) {
    assert.ok(snippets.length > 0)
    for (const { file, line, code } of snippets) {
      const lines = (await readFile(new URL(`../../${file}`, import.meta.url), 'utf8')).split(/\r?\n/)
      const length = code.split('\n').length
      assert.is(lines.slice(line - 1, line - 1 + length).join('\n'), code)
    }
  }
})

sources.run()

const hints = suite('explorer hints')

hints(
  'a feature’s token is the one with most of its activation, BOS left out, and a silent one has none',
  () => {
    // tokens 9 (BOS) 1 2 1, features a row: 0 on BOS, 0 and 1 on 1, 1 on 2, 0 on 1
    const features = positiveEntries(Tensor.of([4, 3], [9, 0, 0, 1, 2, 0, 0, 6, 0, 3, 0, 0]))
    const found = featureHints(features, [9, 1, 2, 1], 9, (id) => `t${id}`)
    assert.equal(found, ['t1', 't2', ''])
  },
)

hints('of two tokens with the same sum the lower id is given', () => {
  const features = positiveEntries(Tensor.of([3, 1], [0, 1, 1]))
  assert.equal(featureHints(features, [9, 7, 5], 9, String), ['5'])
})

hints.run()

const build = suite('explorer build')
build.after(() => rm(folder, { recursive: true }))

build('is whole, under 25 MB, and leaves nothing else', async () => {
  assert.equal(await readdir(folder), ['explorer'])
  assert.is(steps.length, 4)
  assert.ok(built.bytes > 5e6 && built.bytes < 25e6, `${built.bytes}`)
  for (const wanted of [
    /^index\.html$/,
    /^files.model\.[0-9a-f]{8}\.safetensors$/,
    /^assets.model\.worker-.*\.js$/,
  ])
    assert.ok(
      names.some((name) => wanted.test(name)),
      `${wanted}`,
    )
  assert.is(
    names.filter((name) => name.endsWith('.sae.' + name.split('.').at(-2) + '.safetensors')).length,
    6,
  )
})

build('the page carries its policy, and addresses that hold under any path', async () => {
  const html = await read('index.html')
  assert.match(
    html,
    /<meta http-equiv="Content-Security-Policy" content="default-src &#39;none&#39;; [^"]*script-src &#39;self&#39;;/,
  )
  assert.ok(html.indexOf('Content-Security-Policy') < html.indexOf('<script'))
  const addresses = [...html.matchAll(/(?:src|href)="([^"]*)"/g)].map(([, address]) => address)
  assert.ok(addresses.length >= 2)
  for (const address of addresses) assert.match(address, /^(\.\/|data:)/)
  assert.not.match(html, /<script(?![^>]*\bsrc=)|<style|\sstyle=/)
})

build('the files whose lines the page shows lie beside it, whole', async () => {
  const shown = Object.values(await readSources()).flat()
  for (const { file } of shown)
    assert.is(
      await read(`source/${file}.txt`),
      await readFile(new URL(`../../${file}`, import.meta.url), 'utf8'),
    )
})

build('nothing of Node is in the scripts, and each kernel is as it was written', async () => {
  const scripts = names.filter((name) => name.endsWith('.js'))
  const texts = await Promise.all(scripts.map(read))
  for (const text of texts) assert.not.match(text, /(from|import)\s*\(?\s*["']node:|compileOptimised/)
  assert.ok(texts.some((script) => /function \w+\([^)]*\) \{\s+[^}]*this\.thread\.x/.test(script)))
})

build('a build that fails leaves the earlier one, and nothing half', async () => {
  const before = await readdir(out, { recursive: true })
  const failure: unknown = await buildExplorer(out, (step) => {
    if (step === 'files') throw new Error('interrupted')
  }).catch((error: unknown) => error)
  assert.match(String(failure), /interrupted/)
  assert.equal(await readdir(out, { recursive: true }), before)
  assert.equal(await readdir(folder), ['explorer'])
})

build('a path that Vite would cut short is refused in a line that names the sign', () => {
  for (const sign of ['#', '?'])
    assert.throws(
      () => checkPath(`/home/me/c${sign}/experiments/explorer/page`),
      ({ name, message }: Error) =>
        name === 'UserError' && message.includes(`takes the ${sign} in this path`) && !message.includes('\n'),
    )
  checkPath('/home/me/a b%20ä[x]/experiments/explorer/page')
})

build(
  'where nothing can be written, that is said before the work, and of a read-only file system by name',
  async () => {
    const inFile = join(out, 'index.html/site')
    const failure = await buildExplorer(inFile, () => assert.unreachable()).catch((error: Error) => error)
    assert.is(
      (failure as Error).message,
      `cannot write ${inFile}: a part of the path is a file, not a folder (ENOTDIR)`,
    )
    const deep = join(folder, 'never/deep')
    await refusesReadOnly(join(folder, 'never'), deep, () => buildExplorer(deep, () => {}))
  },
)

build(
  'leads to reports only where it is told that they are served; replaces an earlier build, and no other folder',
  async () => {
    assert.not.match(await read('index.html'), /reports/)
    await writeFile(join(out, 'stale.js'), 'old')
    await buildExplorer(out, () => {}, { reports: true })
    assert.match(await read('index.html'), /<a href="\.\/reports\/">/)
    const now = await readdir(out)
    assert.ok(now.includes('index.html') && !now.includes('stale.js'))
    const other = join(folder, 'mine')
    await mkdir(other)
    await writeFile(join(other, 'thesis.txt'), 'mine')
    const refusal = (path: string) =>
      buildExplorer(path, () => assert.unreachable()).then(String, ({ message }: Error) => message)
    assert.match(await refusal(other), /^cannot build into .*mine: it holds other files, .*; name another$/)
    assert.match(await refusal(join(other, 'thesis.txt')), /thesis\.txt: it is a file; name a folder$/)
    assert.equal(await readdir(other), ['thesis.txt'])
  },
)

build.run()
