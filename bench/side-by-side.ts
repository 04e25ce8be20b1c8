// The frame of benchmarks in which several contestants do the same work: each is started, verified, and timed in turn with the others.
import type { Instructions } from '../engine/wasm/platform/peak.ts'
import { createProgress } from '../experiments/lab/cli/progress.ts'
import type { Roofline } from './roofline.ts'
import { makeRow, type Cost, type NotRun, type Row } from './rows.ts'
import { alternate, budgetOf } from './timing.ts'

/** A backend, kernel or library that has been started, in this process or another. */
export interface Runner<Task> {
  readonly backend: string
  readonly mode: string // what really runs, known once something is verified
  readonly threads: number
  /** What its rows say it does, where not all do the same. */
  readonly work?: string
  /** The peak that it is compared with; default: the fastest. */
  readonly instructions?: Instructions
  /** Takes a task, which replaces the one before, and runs it once. @throws `wrong result`, or why it cannot */
  verify(task: Task): Promise<void>
  /** Runs it for `ms` milliseconds, at least once. -> milliseconds of each run */
  time(ms: number): Promise<number[]>
  close(): unknown
}

/** By name; those that do not start are listed under it. */
export type Starts<Task> = readonly (readonly [name: string, start: () => Promise<Runner<Task>>])[]

/** One row per runner. */
export interface Case<Task> {
  readonly work: string
  readonly shape: string
  readonly cost: Cost
  readonly task: () => Task | Promise<Task>
  /** Default: everyone does. */
  readonly takesPart?: (runner: Runner<Task>) => boolean
  /** Its name in the list of what could not run; default: its work. */
  readonly label?: string
}

export interface Settings {
  readonly quick: boolean
  readonly quiet: boolean
  /** Replaces the usual number, unless quick. */
  readonly rounds?: number
  /** What the rows are compared with; its own rows come first. */
  readonly roofline?: Roofline
  /** Where they run, if that should be shown beside names and modes. */
  readonly where?: string
  /** What a contestant that does not start could not do. */
  readonly label?: string
  /** Called with the rows of each case as soon as it has been timed. */
  readonly onRows?: (rows: readonly Row[]) => void
}

/** Does the work. A wrong result ends the benchmark; any other failure is kept as the reason why `backend` did not run. */
export async function attempt(backend: string, notRun: NotRun[], work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    const [reason] = String(error instanceof Error ? error.message : error).split('\n')
    if (reason.includes('wrong result')) throw error
    if (!notRun.some((one) => one.backend === backend)) notRun.push({ backend, reason })
  }
}

/** Every case, by everyone who can run it. A case is timed only once all its results are verified; at the end all are closed. -> one row each */
export async function timeSideBySide<Task>(
  starts: Starts<Task>,
  casesOf: (runners: readonly Runner<Task>[]) => readonly Case<Task>[],
  { quick, quiet, rounds, roofline, where, label, onRows }: Settings,
): Promise<{ rows: Row[]; notRun: NotRun[] }> {
  const notRun: NotRun[] = []
  const rows = [...(roofline?.rows ?? [])]
  const runners: Runner<Task>[] = []
  const leaveOut = (name: string, label: string | undefined, work: () => Promise<void>) =>
    attempt((where ? `${name}, ${where}` : name) + (label ? `: ${label}` : ''), notRun, work)
  try {
    for (const [name, start] of starts)
      await leaveOut(name, label, async () => void runners.push(await start()))
    const cases = casesOf(runners)
    const takingPart = ({ takesPart = () => true }: Case<Task>) => runners.filter(takesPart)
    const budget = budgetOf(quick, rounds)
    const total = cases.flatMap(takingPart).length * budget.rounds
    using progress = createProgress({ label: 'measuring', total, unit: 'runs', quiet })
    for (const one of cases) {
      const task = await one.task()
      const ready: Runner<Task>[] = []
      for (const runner of takingPart(one))
        await leaveOut(runner.backend, one.label ?? one.work, async () => {
          await runner.verify(task)
          ready.push(runner)
        })
      const runs = ready.map((runner) => (ms: number) => runner.time(ms))
      const samples = await alternate(runs, budget, () => progress.step())
      const measured = ready.map((runner, i) => {
        const { backend, threads, work = one.work, instructions } = runner
        const mode = where ? `${where}: ${runner.mode}` : runner.mode
        const name = { work, shape: one.shape, backend, mode, threads }
        return makeRow(name, samples[i], one.cost, roofline?.ceiling(threads, instructions))
      })
      rows.push(...measured)
      onRows?.(measured)
    }
  } finally {
    for (const runner of runners) await runner.close()
  }
  return { rows, notRun }
}
