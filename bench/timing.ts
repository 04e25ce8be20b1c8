// Timing: short runs by tinybench, taken in turns, so that a machine that slows down for a second slows everyone down.
import { Bench } from 'tinybench'

/** Calls a piece of work repeatedly for `time` milliseconds, at least once. -> milliseconds of each call */
export type ShortRun = (time: number) => Promise<number[]>

/** How long to measure. Work that has used up `mostMs` drops out of later rounds. */
export interface Budget {
  readonly rounds: number
  readonly roundMs: number
  readonly mostMs: number
}

const usualBudget: Budget = { rounds: 8, roundMs: 400, mostMs: 20_000 }
const quickBudget: Budget = { rounds: 2, roundMs: 100, mostMs: 1_000 }

/** @param rounds replaces the usual number, unless `quick` */
export function budgetOf(quick: boolean, rounds = usualBudget.rounds): Budget {
  return quick ? quickBudget : { ...usualBudget, rounds }
}

/**
 * Times several works against each other: a short run of each in turn, A B C A B C .... Each must have run before
 * (verifying does that): nothing here warms up. -> for each work its samples, in milliseconds per call
 */
export async function alternate(
  works: readonly ShortRun[],
  budget: Budget,
  onRun: () => void = () => {},
): Promise<number[][]> {
  const samples: number[][] = works.map(() => [])
  const spent = works.map(() => 0)
  for (let round = 0; round < budget.rounds; round++)
    for (const [index, work] of works.entries()) {
      if (spent[index] < budget.mostMs) {
        const times = await work(budget.roundMs)
        samples[index].push(...times)
        spent[index] += times.reduce((sum, ms) => sum + ms, 0)
      }
      onRun()
    }
  return samples
}

/** Short runs of a function in this process; a promise that it returns is awaited. */
export function shortRuns(work: () => unknown): ShortRun {
  return async (time) => {
    const bench = new Bench({ time, iterations: 1, warmup: false, retainSamples: true, throws: true })
    const [task] = await bench.add('work', work, { async: true }).run()
    if (task.result.state !== 'completed') throw new Error(`timing: the run ended as ${task.result.state}`)
    return [...(task.result.latency.samples ?? [])]
  }
}
