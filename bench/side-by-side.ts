// The frame of the benchmarks in which several do the same: each is started, verified, and timed in turn with the others.
import type { Instructions } from '../engine/wasm/platform/peak.ts'
import { createProgress } from '../experiments/lab/cli/progress.ts'
import type { Roofline } from './roofline.ts'
import { makeRow, type Cost, type NotRun, type Row } from './rows.ts'
import { alternate, budgetOf } from './timing.ts'

/** A backend, a kernel or a library, started, in this process or in another. */
export interface Runner<Task> {
  readonly backend: string
  readonly mode: string // what really runs, known once something is verified
  readonly threads: number
  /** What its rows say that it does, where not all do the same. */
  readonly work?: string
  /** The peak that it is held against; left out, the fastest. */
  readonly instructions?: Instructions
  /** Takes over a task in place of the one before, and runs it once. @throws `wrong result`, or why it cannot */
  verify(task: Task): Promise<void>
  /** Runs it for `ms` milliseconds, at least once. -> milliseconds of each run */
  time(ms: number): Promise<number[]>
  close(): unknown
}

/** By the names under which those that do not start are listed. */
export type Starts<Task> = readonly (readonly [name: string, start: () => Promise<Runner<Task>>])[]

/** A row of each runner. */
export interface Case<Task> {
  readonly work: string
  readonly shape: string
  readonly cost: Cost
  readonly task: () => Task | Promise<Task>
  /** Left out: everyone does. */
  readonly takesPart?: (runner: Runner<Task>) => boolean
  /** What somebody could not run; its work, if left out. */
  readonly label?: string
}

export interface Settings {
  readonly quick: boolean
  readonly quiet: boolean
  /** In place of the usual number, if it is not quick. */
  readonly rounds?: number
  /** What the rows are held against; its own rows come first. */
  readonly roofline?: Roofline
  /** Where they run, if that is to stand beside names and modes. */
  readonly where?: string
  /** What somebody could not do who does not start. */
  readonly label?: string
  /** Called with the rows of each case once it is timed. */
  readonly onRows?: (rows: readonly Row[]) => void
}

/** Does the work. A wrong result ends the benchmark; any other failure is kept as the reason why `backend` was not run. */
export async function attempt(backend: string, notRun: NotRun[], work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    const [reason] = String(error instanceof Error ? error.message : error).split('\n')
    if (reason.includes('wrong result')) throw error
    if (!notRun.some((one) => one.backend === backend)) notRun.push({ backend, reason })
  }
}

/** Every case by everyone who can, verified before anything of it is timed; then all are closed. -> a row each */
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
