// Would the tests notice? npm run mutation -- TARGET... [--sample N] [--seed S]
// Gives the files of a target one small fault at a time (mutants.ts) and runs the tests that reach the place, each file
// in a process of its own. A test that fails, or takes far longer than it does, has noticed. Prints a row of the
// table in README.md for each target, and what nobody noticed. Not part of the checks: it takes hours.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { Argument, Command } from 'commander'
import { createRandom } from '../../engine/random.ts'
import { integerIn } from '../../experiments/lab/cli/cli.ts'
import { shuffle } from '../../experiments/lab/analysis/statistics.ts'
import { coverageOf, covers, type Coverage } from './coverage.ts'
import { mutantsOf, type Mutant } from './mutants.ts'
import { TARGETS } from './targets.ts'

const HOOK = pathToFileURL(join(import.meta.dirname, 'replace-source.ts')).href
const AT_ONCE = 2

interface Test {
  readonly path: string
  readonly seconds: number
  readonly passed: string
  readonly coverage: Coverage
}

interface Placed extends Mutant {
  readonly file: string
}

type Fate = 'killed' | 'timed out' | 'survived' | 'not reached'

const command = new Command('npm run mutation --')
  .description('gives files one small fault at a time, and says which of them no test fails on')
  .addArgument(new Argument('<target...>', 'what is given faults').choices(Object.keys(TARGETS)))
  .option('--sample <n>', 'only so many of its faults, drawn by the seed', integerIn('sample', 1))
  .option('--seed <n>', 'decides which are drawn', integerIn('seed', 0, 2 ** 32 - 1), 0)
  .parse()
const options = command.opts<{ sample?: number; seed: number }>()
const folder = mkdtempSync(join(tmpdir(), 'clearbox-mutants-'))
const running = new Set<number>()
process.once('exit', () => {
  for (const pid of running) killGroup(pid)
  rmSync(folder, { recursive: true, force: true })
})
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(130))
for (const name of command.args) await runTarget(name)

async function runTarget(name: string): Promise<void> {
  const { files, tests: words } = TARGETS[name]
  const sources = files.flatMap((pattern) => globSync(pattern)).sort()
  const all = sources.flatMap((file) =>
    mutantsOf(file, readFileSync(file, 'utf8')).map((mutant) => ({ ...mutant, file })),
  )
  const chosen = sampleOf(all)
  const tests = await measureTests(words, new Set(sources.map(urlOf)))
  const fates = new Map<Placed, Fate>()
  const waiting = [...chosen]
  const work = async (slot: number) => {
    for (let mutant = waiting.shift(); mutant !== undefined; mutant = waiting.shift()) {
      const fate = await fateOf(mutant, tests, join(folder, `${slot}.ts`))
      fates.set(mutant, fate)
      if (fate !== 'killed') console.error(`${fate}: ${describe(mutant)}`)
      if (fates.size % 20 === 0) console.error(`${name}: ${fates.size} of ${chosen.length}`)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, (_, slot) => work(slot)))
  const count = (...of: Fate[]) => [...fates.values()].filter((fate) => of.includes(fate)).length
  const [killed, late] = [count('killed', 'timed out'), count('timed out')]
  const share = ((100 * killed) / chosen.length).toFixed(1)
  console.log(
    `| ${name} | ${all.length} | ${chosen.length} | ${killed} (${late}) | ${chosen.length - killed} | ${share} % |`,
  )
  for (const mutant of chosen)
    if (['survived', 'not reached'].includes(fates.get(mutant)!))
      console.log(`- ${describe(mutant)} (${fates.get(mutant)})`)
}

function sampleOf(all: readonly Placed[]): Placed[] {
  const order = Uint32Array.from(all.keys())
  if (options.sample === undefined) return [...all]
  shuffle(order, createRandom(options.seed))
  return Array.from(order.subarray(0, options.sample).sort(), (index) => all[index])
}

/** Runs the test files whose names hold one of the words, and notes what each reaches; the quickest comes first. */
async function measureTests(words: readonly string[], urls: ReadonlySet<string>): Promise<Test[]> {
  const paths = globSync('test/node/*.test.ts').filter((path) => words.some((word) => path.includes(word)))
  const tests: Test[] = []
  for (const path of paths.sort()) {
    const start = performance.now()
    let passed = ''
    const coverage = await coverageOf(urls, async (NODE_V8_COVERAGE) => {
      passed = await run(path, { NODE_V8_COVERAGE }, Infinity)
    })
    if (!/^\d+ of \d+$/.test(passed)) throw new Error(`${path} fails as it is: ${passed}`)
    tests.push({ path, passed, coverage, seconds: (performance.now() - start) / 1000 })
    console.error(`${path}: ${tests.at(-1)!.seconds.toFixed(1)} s`)
  }
  return tests.sort((a, b) => a.seconds - b.seconds)
}

async function fateOf(mutant: Placed, tests: readonly Test[], draft: string): Promise<Fate> {
  const url = urlOf(mutant.file)
  const text = readFileSync(mutant.file, 'utf8')
  writeFileSync(draft, text.slice(0, mutant.start) + mutant.replacement + text.slice(mutant.end))
  const reaching = tests.filter(({ coverage }) => covers(coverage, url, mutant.runs))
  for (const { path, passed, seconds } of reaching) {
    const environment = { NODE_OPTIONS: `--import=${HOOK}`, MUTANT_URL: url, MUTANT_SOURCE: draft }
    const found = await run(path, environment, 20 + 4 * seconds)
    if (found !== passed) return found === 'timed out' ? 'timed out' : 'killed'
  }
  return reaching.length > 0 ? 'survived' : 'not reached'
}

/** Runs a test file until it ends or a test fails. -> `PASSED of TOTAL` where all passed, or what went wrong */
async function run(path: string, environment: NodeJS.ProcessEnv, limit: number): Promise<string> {
  const child = spawn(process.execPath, [path], {
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined, ...environment },
    stdio: ['ignore', 'pipe', 'ignore'],
    detached: true, // a group of its own, so that what it started is killed with it
  })
  running.add(child.pid!)
  let [output, ending] = ['', '']
  const kill = (why: string) => {
    ending ||= why
    killGroup(child.pid!)
  }
  const timer = limit < Infinity ? setTimeout(() => kill('timed out'), limit * 1000) : undefined
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text
    if (output.includes('✘')) kill('a test failed')
  })
  const [code] = (await once(child, 'close')) as [number | null]
  clearTimeout(timer)
  running.delete(child.pid!)
  const [, total, passed] = /Total: +(\d+)\n +Passed: +(\d+)/.exec(output) ?? []
  return ending || (code === 0 && total !== undefined ? `${passed} of ${total}` : `exited with ${code}`)
}

function killGroup(pid: number): void {
  try {
    process.kill(-pid, 'SIGKILL')
  } catch {
    // it has ended
  }
}

function urlOf(file: string): string {
  return pathToFileURL(resolve(file)).href
}

function describe({ file, line, original, replacement }: Placed): string {
  const short = original.replace(/\s+/g, ' ')
  const shown = short.length > 70 ? `${short.slice(0, 70)}...` : short
  return `${file}:${line} \`${shown}\` made \`${replacement.replace(/\s+/g, ' ').slice(0, 70)}\``
}
