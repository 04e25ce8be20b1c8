// What the documents point to is there: files, commands and their options.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { EXERCISES } from '../../experiments/exercises/all.ts'
import { runScript } from '../helpers/cli.ts'
import packageJson from '../../package.json' with { type: 'json' }

const root = fileURLToPath(new URL('../..', import.meta.url))
const exclude = (name: string) => /(^|\/)(node_modules|results|dist|\.[^/]+)$/.test(name)
const documents = globSync('**/*.md', { cwd: root, exclude }).map((path) => ({
  path,
  text: readFileSync(join(root, path), 'utf8'),
}))
const scripts: Readonly<Record<string, string>> = packageJson.scripts

/** Every match of the pattern in any document, with the first group as what was found. */
function found(pattern: RegExp): { path: string; what: string; rest: string }[] {
  return documents.flatMap(({ path, text }) =>
    [...text.matchAll(pattern)].map(([, what, rest = '']) => ({ path, what, rest })),
  )
}

const test = suite('documents')

test('each file named by its path is there', () => {
  const files = found(/`((?:engine|gpt2|sae|experiments|bench|test)\/[\w./-]*\.\w+)`/g)
  assert.ok(files.length > 5, `${files.length} paths`)
  for (const { path, what } of files) assert.ok(existsSync(join(root, what)), `${path} names ${what}`)
})

test('each npm run names a script, and each of its options is in the script’s --help', () => {
  const helps = new Map<string, string>()
  const help = (name: string, subcommand: string): string => {
    const key = `${name} ${subcommand}`
    const [, file] = /^node (\S+\.ts)/.exec(scripts[name])!
    if (!helps.has(key))
      helps.set(key, runScript(file, [...(subcommand ? [subcommand] : []), '--help']).stdout)
    return helps.get(key)!
  }
  const commands = [
    ...found(/npm run (?:-s )?([\w:-]+)(?: -- ([^\n`#]*))?/g),
    ...found(/npm start -- ([^\n`#]*)/g).map(({ path, what }) => ({ path, what: 'start', rest: what })),
  ]
  assert.ok(commands.length > 20, `${commands.length} commands`)
  for (const { path, what, rest } of commands) {
    assert.ok(Object.hasOwn(scripts, what), `${path}: npm run ${what}`)
    const [subcommand = ''] = /^[a-z0-9][a-z0-9-]*/.exec(rest) ?? []
    const own = rest.replaceAll(/'[^']*'/g, '') // what is quoted is another command's
    for (const [option] of own.matchAll(/(?<=^|\s)--[a-z][a-z-]*/g))
      assert.ok(help(what, subcommand).includes(option), `${path}: npm run ${what} has no ${option}`)
  }
})

test('the README tells of every command', () => {
  const readme = documents.find(({ path }) => path === 'README.md')!.text
  const commands = Object.keys(scripts).filter((name) => scripts[name].includes('main.ts'))
  assert.ok(commands.length >= 10)
  for (const name of commands)
    assert.ok(readme.includes(name === 'start' ? 'npm start' : `npm run ${name}`), name)
})

test('the README gives the lengths of the model and of the SAE in one file', () => {
  const readme = documents.find(({ path }) => path === 'README.md')!.text
  for (const file of ['gpt2/plain.ts', 'sae/plain.ts']) {
    const [, told] = new RegExp(`\\(${file}\\)[:,] (\\d+) lines`).exec(readme) ?? []
    assert.is(told, String(readFileSync(join(root, file), 'utf8').trimEnd().split('\n').length), file)
  }
})

test('the README counts the exercises', () => {
  const readme = documents.find(({ path }) => path === 'README.md')!.text
  assert.ok(readme.includes(`\`npm run exercise\` lists ${EXERCISES.length} pieces`))
})

test('the template for an experiment is as short as the README says', () => {
  const readme = documents.find(({ path }) => path === 'README.md')!.text
  const [, limit] = /in under (\d+) lines: the template/.exec(readme) ?? []
  assert.ok(limit)
  const lines = readFileSync(join(root, 'experiments/first/main.ts'), 'utf8').trimEnd().split('\n')
  assert.ok(lines.length < Number(limit), `experiments/first/main.ts has ${lines.length} lines`)
})

test('each line of a worked diff stands in the file that the diff names', () => {
  const diffs = found(/```diff\n([^]*?)```/g)
  assert.is(diffs.length, 3)
  for (const { path, what } of diffs)
    for (const part of what.split(/^\+\+\+ /m).slice(1)) {
      const [head, ...added] = part.trimEnd().split('\n')
      const [file] = head.split(' ')
      const lines = readFileSync(join(root, file), 'utf8').split('\n')
      for (const line of added) assert.ok(lines.includes(line.slice(1)), `${path}: ${file} has no ${line}`)
    }
})

test('each line of quoted code stands in the file that its first line names', () => {
  const quotes = found(/```ts\n\/\/ (\S+\.ts)\n([^]*?)```/g)
  assert.ok(quotes.length > 5, `${quotes.length} quotes`)
  for (const { path, what, rest } of quotes) {
    const lines = new Set(readFileSync(join(root, what), 'utf8').split('\n').map((line) => line.trim())) // prettier-ignore
    for (const line of rest.trimEnd().split('\n'))
      assert.ok(lines.has(line.trim()), `${path}: ${what} has no line ${line}`)
  }
})

for (const [backward, forward] of [
  ['attention-backward', 'attention'],
  ['softmax-backward', 'softmax'],
])
  test(`${backward}.ts repeats lines of ${forward}.ts above their derivatives`, () => {
    const read = (name: string) => readFileSync(join(root, `engine/reference/${name}.ts`), 'utf8')
    const repeated = read(backward).match(/(?<=^ +\/\/ ).*/gm) ?? []
    assert.ok(repeated.length > 0)
    for (const line of repeated) assert.ok(read(forward).includes(`${line}\n`), line)
  })

test.run()
