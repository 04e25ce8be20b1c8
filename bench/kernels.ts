import { availableParallelism } from 'node:os'
import { createProgress } from '../experiments/lab/cli/progress.ts'
import { ladder, type Rung } from './kernels/ladder.ts'
import {
  costOfMatmul,
  makeProblem,
  shapeOf,
  verifyMatmul,
  type PreparedMatmul,
  type Problem,
  type Size,
} from './matmul.ts'
import { makeRow, type NotRun, type Row } from './rows.ts'
import { measureRoofline, type Roofline } from './roofline.ts'
import { alternate, quickBudget, shortRuns, usualBudget, type Budget } from './timing.ts'

export interface KernelsOptions {
  readonly threads?: number
  readonly quick?: boolean
  readonly json?: boolean
}

/** GPT-2 small's MLP at 64 tokens, its projection at 512, and its MLP at one token: only the last is memory-bound. */
const sizes: readonly Size[] = [
  [64, 768, 3072],
  [512, 768, 768],
  [1, 768, 3072],
]

/** The ladder from three loops to every instruction there is. Each rung is verified before any is timed. */
export async function benchKernels(options: KernelsOptions): Promise<{ rows: Row[]; notRun: NotRun[] }> {
  const { quick = false, json: quiet = false, threads = availableParallelism() } = options
  const rungs = ladder(threads)
  if (!quiet) for (const { name, changes } of rungs) console.log(`${name}: ${changes}`)
  const roofline = await measureRoofline({ threads, quick })
  const rows = [...roofline.rows]
  const here = rungs.filter(({ missing }) => !missing)
  const budget = quick ? quickBudget : usualBudget
  const used = quick ? sizes.slice(0, 1) : sizes
  const total = used.length * here.length * budget.rounds
  using progress = createProgress({ label: 'measuring', total, unit: 'runs', quiet })
  for (const size of used)
    rows.push(...(await climb(here, await makeProblem(size), roofline, budget, () => progress.step())))
  const notRun = rungs.flatMap(({ name, missing }) => (missing ? [{ backend: name, reason: missing }] : []))
  return { rows, notRun }
}

async function climb(
  rungs: readonly Rung[],
  problem: Problem,
  roofline: Roofline,
  budget: Budget,
  onRun: () => void,
): Promise<Row[]> {
  const prepared: (PreparedMatmul & { readonly mode: string })[] = []
  try {
    for (const rung of rungs) {
      const ready = await rung.prepare(problem)
      prepared.push(ready)
      await verifyMatmul(`${rung.name} (${ready.mode})`, problem, ready)
    }
    const samples = await alternate(
      prepared.map((ready) => shortRuns(() => ready.run())),
      budget,
      onRun,
    )
    return rungs.map(({ name: work, threads, instructions }, i) => {
      const { mode } = prepared[i]
      const backend = mode === 'JavaScript' ? 'js' : 'wasm'
      const name = { work, shape: shapeOf(problem), backend, mode, threads }
      return makeRow(name, samples[i], costOfMatmul(problem), roofline.ceiling(threads, instructions))
    })
  } finally {
    for (const ready of prepared) await ready.release?.()
  }
}
