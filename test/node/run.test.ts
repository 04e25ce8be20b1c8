// The test runner must fail on everything that looks like a success and is none.
// test/fixtures/runner/ holds one file for each; this folder's own run does not see them.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { suiteProblems } from '../suite-rules.ts'

const RUNNER = join(import.meta.dirname, '../run.ts')
const FIXTURES = join(import.meta.dirname, '../fixtures/runner')

interface Ended {
  readonly code: number | null
  readonly output: string
  readonly lastLine: string | undefined
}

function run(...args: string[]): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [RUNNER, ...args], {
    encoding: 'utf8',
    timeout: 30_000,
  })
  return { code: status, output: stdout + stderr, lastLine: stdout.trimEnd().split('\n').at(-1) }
}

const runner = suite('runner')

runner('passes a sound file, compactly, and counts its tests', () => {
  const { code, output } = run(FIXTURES, 'sound')
  assert.is(code, 0)
  assert.match(output, /^✓ sound\.test\.ts {2}3 tests, \d+\.\d s\n3 passed, 0 failed\n$/)
})

/** File, and what the runner must say of it. */
const unsound: [file: string, problem: string][] = [
  ['failing', '2 of 3 tests failed'],
  ['forgotten', 'suite sums is never run: sums.run() is missing'],
  ['unrun', 'suite second is never run: second.run() is missing'],
  ['empty', 'ran no test: a suite is empty'],
  ['only', '.only( leaves the other tests out'],
  ['skipped', '.skip( leaves a test out'],
  ['skipped-elsewhere', '1 tests were skipped'],
  ['broken-hook', 'uvu exited 0: a before or after hook threw'],
  ['leaving', 'ran no test: it ended before uvu could report'],
  ['crashing', 'exited with 1'],
  ['late', 'ran its suites more than once: put every await before the first .run()'],
]
let everything: Ended
runner.before(() => {
  everything = run(FIXTURES, 'sound', ...unsound.map(([file]) => `${file}.`))
})

for (const [file, problem] of unsound)
  runner(`fails ${file}: ${problem}`, () => {
    assert.match(everything.output, `\n✗ ${file}.test.ts`)
    assert.match(everything.output, `\n  ${file}.test.ts: ${problem}`)
  })

runner('adds up the tests of all files; a file that fails otherwise counts as one failed test', () => {
  // Passed: 3 of sound, 2 of crashing, 1 each of failing, unrun, only, skipped, skipped-elsewhere. Failed: 2 of failing, 1 each of the others.
  assert.is(everything.lastLine, '10 passed, 12 failed')
  assert.is(everything.code, 1)
})

runner('shows the whole output of a failed file, and of no other', () => {
  assert.match(everything.output, 'FAIL  sums  "do not add up"')
  assert.match(everything.output, 'Expected values to be strictly equal')
  assert.not.match(everything.output, / more +•/)
})

runner('kills a file that takes too long, and what it started', () => {
  const { code, output, lastLine } = run(FIXTURES, 'hanging', '--limit', '1.5')
  assert.is(code, 1)
  assert.match(output, 'took longer than 1.5 s and was killed')
  assert.is(lastLine, '0 passed, 1 failed')
})

runner('fails when no file matches', () => {
  const { code, output, lastLine } = run(FIXTURES, 'nothing-like-this')
  assert.is(code, 1)
  assert.match(output, 'matches: nothing-like-this')
  assert.is(lastLine, '0 passed, 1 failed')
})

runner.run()

const suites = suite('suite rules')

suites('know comments and strings from code', () => {
  const source = "const a = suite('a.only(')\n// suite('b')\n/* a.skip('c') */ a.run()"
  assert.equal(suiteProblems('a.test.ts', source), [])
})

suites('count suites of the same name, uvu’s own, and nameless ones', () => {
  const twice = "{ const a = suite('x'); a.run() } { const a = suite('y') }"
  assert.equal(suiteProblems('a.test.ts', twice), ['suite a is never run: a.run() is missing'])
  assert.equal(suiteProblems('a.test.ts', "import { test } from 'uvu'; test('x', f)"), [
    'suite test is never run: test.run() is missing',
  ])
  assert.match(suiteProblems('a.test.ts', "register(suite('x'))")[0], 'without giving the suite a name')
})

suites.run()
