// The test runner: node test/run.ts FOLDER [NAME...] [--limit SECONDS]
// Runs every *.test.ts of the folder (of those, the ones whose name holds a NAME), each in a process
// of its own, and ends with `N passed, N failed`. uvu alone is content with a file that ran no test.
import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { suiteProblems } from './suite-rules.ts'

const AT_ONCE = 2

interface Result {
  readonly file: string
  readonly passed: number
  readonly failed: number
  readonly seconds: number
  /** Why the file fails; empty if it does not. */
  readonly problems: readonly string[]
  readonly output: string
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { limit: { type: 'string', default: '300' } },
})
const [folder, ...names] = positionals
const limit = Number(values.limit)
if (folder === undefined || !(limit > 0)) {
  console.error('usage: node test/run.ts FOLDER [NAME...] [--limit SECONDS]')
  process.exit(2)
}

// What the files of a run share. Tests start some hundreds of commands: what Node strips of types and compiles in the
// first of them, the others read. Not where coverage is measured, which is less exact on code that was read.
const shared = mkdtempSync(join(tmpdir(), 'clearbox-run-'))
process.once('exit', () => rmSync(shared, { recursive: true, force: true }))
const compiled = process.env.NODE_V8_COVERAGE === undefined ? join(shared, 'compiled') : ''

const running = new Set<ChildProcess>()
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    for (const child of running) killTree(child)
    process.exit(signal === 'SIGINT' ? 130 : 143)
  })

const files = globSync('**/*.test.ts', { cwd: folder, exclude: ['**/node_modules/**'] })
  .filter((file) => names.length === 0 || names.some((name) => file.includes(name)))
  .sort()
const waiting = [...files]
const results: Result[] = []
await Promise.all(Array.from({ length: AT_ONCE }, runWaiting))

const sum = (count: (result: Result) => number) => results.reduce((total, result) => total + count(result), 0)
const failed = sum((result) => result.failed)
if (files.length === 0) console.log(`no test file in ${folder} matches: ${names.join(', ') || '*.test.ts'}`)
console.log(`${sum((result) => result.passed)} passed, ${files.length === 0 ? 1 : failed} failed`)
process.exitCode = failed > 0 || files.length === 0 ? 1 : 0

async function runWaiting(): Promise<void> {
  for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
    const result = await runFile(file)
    results.push(result)
    print(result)
  }
}

async function runFile(file: string): Promise<Result> {
  const path = join(folder, file)
  const start = performance.now()
  const { output, code, timedOut } = await execute(path)
  const problems = suiteProblems(path, readFileSync(path, 'utf8'))
  if (timedOut) problems.push(`took longer than ${limit} s and was killed`)
  const counts = readCounts(output)
  if (typeof counts === 'string') problems.push(counts)
  const { passed, total, skipped } = typeof counts === 'string' ? { passed: 0, total: 0, skipped: 0 } : counts
  if (skipped > 0) problems.push(`${skipped} tests were skipped`)
  if (total > passed) problems.push(`${total - passed} of ${total} tests failed`)
  // uvu swallows what a before hook throws: its tests are missing from `passed`, and it exits 0.
  if (total > passed && code === 0) problems.push('uvu exited 0: a before or after hook threw')
  if (code !== 0 && problems.length === 0) problems.push(`exited with ${code ?? 'a signal'}`)
  const failed = problems.length === 0 ? 0 : Math.max(1, total - passed)
  return { file, passed, failed, seconds: (performance.now() - start) / 1000, problems, output }
}

interface Ended {
  readonly output: string
  readonly code: number | null
  readonly timedOut: boolean
}

/** Runs one file; its standard output and error are kept together, in the order in which they came. */
async function execute(path: string): Promise<Ended> {
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    NO_COLOR: '1',
    NODE_COMPILE_CACHE: compiled,
    CLEARBOX_TEST_RUN: shared,
  }
  delete env.FORCE_COLOR
  const child = spawn(process.execPath, [...process.execArgv, path], {
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that a browser it started is killed with it.
    detached: process.platform !== 'win32',
  })
  running.add(child)
  let output = ''
  let timedOut = false
  for (const stream of [child.stdout, child.stderr])
    stream.setEncoding('utf8').on('data', (text: string) => (output += text))
  const timer = setTimeout(() => {
    timedOut = true
    killTree(child)
  }, limit * 1000)
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(timer)
  running.delete(child)
  return { output, code, timedOut }
}

function killTree(child: ChildProcess): void {
  if (child.pid === undefined) return
  if (process.platform === 'win32') return void child.kill('SIGKILL')
  try {
    process.kill(-child.pid, 'SIGKILL')
  } catch (error) {
    // It may have ended in the meantime.
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

/** uvu's closing lines, or what is wrong with them. */
function readCounts(output: string): { passed: number; total: number; skipped: number } | string {
  const endings = [...output.matchAll(/^ {2}Total: +(\d+)\n {2}Passed: +(\d+)\n {2}Skipped: +(\d+)$/gm)]
  if (endings.length === 0) return 'ran no test: it ended before uvu could report'
  if (endings.length > 1) return 'ran its suites more than once: put every await before the first .run()'
  const [total, passed, skipped] = endings[0].slice(1).map(Number)
  if (total === 0 || / \(0 \/ 0\)$/m.test(output)) return 'ran no test: a suite is empty'
  return { total, passed, skipped }
}

function print({ file, passed, seconds, problems, output }: Result): void {
  const time = `${seconds.toFixed(1)} s`
  if (problems.length === 0) return console.log(`✓ ${file}  ${passed} tests, ${time}`)
  console.log(`\n✗ ${file}  ${time}\n${output.trimEnd()}\n`)
  for (const problem of problems) console.log(`  ${file}: ${problem}`)
  console.log()
}
