// The mutation tester: which faults it makes, and that a test and what it starts get the faulty text.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { covers } from '../mutation/coverage.ts'
import { mutantsOf } from '../mutation/mutants.ts'

const test = suite('mutation tester')

test('comparisons, signs, conditions, numbers and statements are changed, one at a time', () => {
  const made = (text: string) =>
    mutantsOf('a.ts', text).map(
      ({ start, end, replacement }) => text.slice(0, start) + replacement + text.slice(end),
    )
  assert.equal(made('x = a < b'), [';', 'x = a <= b', 'x = a >= b'])
  assert.equal(made('f(-a + 2)'), [';', 'f(-a - 2)', 'f(a + 2)', 'f(-a + 3)'])
  assert.equal(made('if (a) return'), ['if (true) return', 'if (false) return'])
  assert.equal(made('let a = b ? c : d'), ['let a = true ? c : d', 'let a = false ? c : d'])
  assert.equal(made('let a = Math.max(b.filter(c))'), [
    'let a = Math.min(b.filter(c))',
    'let a = Math.max(b)',
  ])
})

test('types, imports, texts, messages of errors and the steps of loops stay as they are', () => {
  for (const text of [
    'type A = 1 | 2',
    'interface A { a: 1 }',
    'import { a } from "1"',
    'let a: 1 = "b" + c',
    'let a = b + `${c}` + d',
    'for (const a of b);',
    'for (; a; a++);',
  ])
    assert.equal(mutantsOf('a.ts', text), [], text)
  const [left, ...others] = mutantsOf('a.ts', 'throw new Error(`${a + 1}`)')
  assert.equal([left.replacement, others], [';', []])
})

test('a place is reached where the narrowest range around it was counted, in any process', () => {
  const ranges = [
    { startOffset: 0, endOffset: 100, count: 1 },
    { startOffset: 10, endOffset: 20, count: 0 },
  ]
  const one = [new Map([['a', ranges]])]
  assert.equal([5, 10, 19, 20, 100].map((offset) => covers(one, 'a', offset)), [true, false, false, true, false]) // prettier-ignore
  assert.not(covers(one, 'b', 5))
  const other = new Map([['a', [{ startOffset: 10, endOffset: 20, count: 3 }]]])
  assert.ok(covers([...one, other], 'a', 15))
})

test('a module has the other text, in a child process and in a worker, too', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mutation-'))
  const path = (name: string) => join(folder, name)
  writeFileSync(path('number.ts'), 'export const number: number = 1')
  writeFileSync(path('mutant.ts'), 'export const number: number = 2')
  const show = `import { number } from './number.ts'; console.log(number);`
  writeFileSync(path('child.ts'), show)
  writeFileSync(
    path('main.ts'),
    `import { spawnSync } from 'node:child_process'; import { Worker } from 'node:worker_threads'; ${show}
     console.log(String(spawnSync(process.execPath, [import.meta.dirname + '/child.ts']).stdout).trim());
     new Worker(new URL('child.ts', import.meta.url))`,
  )
  const { stdout } = spawnSync(process.execPath, [path('main.ts')], {
    env: {
      ...process.env,
      NODE_OPTIONS: `--import=${pathToFileURL(join(import.meta.dirname, '../mutation/replace-source.ts')).href}`,
      MUTANT_URL: pathToFileURL(path('number.ts')).href,
      MUTANT_SOURCE: path('mutant.ts'),
    },
  })
  assert.is(String(stdout), '2\n2\n2\n')
  rmSync(folder, { recursive: true })
})

test.run()
