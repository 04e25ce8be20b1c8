import { Bench } from 'tinybench'

/** Calls a piece of work again and again until `time` milliseconds are over, at least once. -> milliseconds of each call */
export type ShortRun = (time: number) => Promise<number[]>

/** How long to measure. What has used up `mostMs` drops out of later rounds. */
export interface Budget {
  readonly rounds: number
  readonly roundMs: number
  readonly mostMs: number
}

export const usualBudget: Budget = { rounds: 8, roundMs: 400, mostMs: 20_000 }
export const quickBudget: Budget = { rounds: 2, roundMs: 100, mostMs: 1_000 }

/**
 * Times several works against each other: a short run of each in turn, A B C A B C ..., so that a machine that
 * slows down for a second slows down all of them. Each must have run before (verifying does that): nothing here
 * warms up. -> for each work its samples, in milliseconds a call
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

/** Short runs of a function of this process; what it returns is awaited. */
export function shortRuns(work: () => unknown): ShortRun {
  return async (time) => {
    const bench = new Bench({ time, iterations: 1, warmup: false, retainSamples: true, throws: true })
    const [task] = await bench.add('work', work, { async: true }).run()
    if (task.result.state !== 'completed') throw new Error(`timing: the run ended as ${task.result.state}`)
    return [...(task.result.latency.samples ?? [])]
  }
}

/** The value that a share `p` (0 to 1) of the samples do not exceed, interpolated between neighbours. */
export function percentile(samples: readonly number[], p: number): number {
  if (samples.length === 0) throw new Error('percentile: there are no samples')
  const sorted = samples.toSorted((a, b) => a - b)
  const at = p * (sorted.length - 1)
  const below = Math.floor(at)
  const above = Math.ceil(at)
  return sorted[below] + (sorted[above] - sorted[below]) * (at - below)
}
