// The counters of lines and of the reading path: that they count right, and that they refuse what they are there to refuse.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { codeLines } from '../code-lines.ts'
import { runScript, type Ended } from '../helpers/cli.ts'

/** Runs a script on a folder of these files. */
function runOn(script: string, files: Readonly<Record<string, string>>): Ended {
  const folder = mkdtempSync(join(tmpdir(), 'counts-'))
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  const ended = runScript(script, [folder])
  rmSync(folder, { recursive: true })
  return ended
}

const lines = suite('lines of code')

const counted: [what: string, source: string, lines: number][] = [
  ['nothing', '', 0],
  ['neither blank lines nor comments', '// a\n\n/* b\n\n c */\n  \n/**\n * d\n */\ne()\n// f', 1],
  ['code beside a comment', 'a() // b\n/** c */ const d = 1\ne(/* f\n g */)', 4],
  ['what looks like a comment in a string', "const a = '/*'\nconst b = 'http://c'\nconst d = '*/'", 3],
  ['what looks like a comment in a pattern', 'const a = /\\/*/\nconst b = 1', 2],
  ['a template whole, but for its blank lines', 'const a = `\n// b\n\n/* ${c} */\n`', 4],
]
for (const [what, source, count] of counted) lines(`count ${what}`, () => assert.is(codeLines(source), count))

lines('are added up by folder, to the third', () => {
  const { stdout } = runOn('test/lines.ts', {
    'engine/a.ts': 'a()\n',
    'engine/wasm/b.ts': 'b()\nb()\n',
    'engine/wasm/screen/deeper/c.ts': '// c\nc()\n',
    'bench/peers/node_modules/d.ts': 'd()\n',
    'test/e.ts': 'e()\n',
  })
  assert.is(
    stdout,
    '      4  engine/\n      3    wasm/\n      1      screen/\n' +
      '      4  lines of TypeScript that are neither blank nor comment\n',
  )
})

lines.run()

const path = suite('reading path')

const readme = (...steps: string[]) =>
  `# a\n\n## Reading it in an afternoon\n\nUnder 2,000 lines:\n\n${steps.join('\n')}\n\n## b\n\n1. [c](c.ts)\n`

path('is what the numbered list of the README links to, each file once', () => {
  const { status, stdout } = runOn('test/reading-path.ts', {
    'README.md': readme(
      '1. **[a](x/a.ts)**, [x](x/), [a](x/a.ts)',
      '2. [b](x/b.ts)',
      '',
      'Then [d](x/d.ts).',
    ),
    'x/a.ts': '1\n',
    'x/b.ts': '1\n2\n',
  })
  assert.is(stdout, '    1  x/a.ts\n    2  x/b.ts\nreading path: 3 lines of at most 2000\n')
  assert.is(status, 0)
})

const refused: [what: string, files: Record<string, string>, problem: string][] = [
  [
    'a file that is not there',
    { 'README.md': readme('1. [a](a.ts)') },
    'the README names a.ts, which is not there',
  ],
  [
    'more lines than one reads',
    { 'README.md': readme('1. [a](a.ts)'), 'a.ts': '\n'.repeat(2003) },
    '3 lines too many',
  ],
  [
    'a README that gives another limit',
    { 'README.md': readme('').replace('2,000', '3,000') },
    '“Under 2,000 lines”',
  ],
  ['a README without the list', { 'README.md': '# a\n' }, 'has no section “Reading it in an afternoon”'],
]
for (const [what, files, problem] of refused)
  path(`refuses ${what}`, () => {
    const { status, stderr } = runOn('test/reading-path.ts', files)
    assert.is(status, 1)
    assert.match(stderr, problem)
  })

path.run()
