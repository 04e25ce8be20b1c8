// `bench kernels`: a matrix product from three plain loops to every instruction there is, one step at a time.
import { availableParallelism } from 'node:os'
import { UserError } from '../experiments/lab/cli/user-error.ts'
import { addThreads, timesAsFast, type Benchmark } from './benchmark.ts'
import { ladder, type Rung } from './kernels/ladder.ts'
import { matmulRunner, timeProducts, type Size } from './matmul.ts'

/** GPT-2 small's MLP at 64 tokens, its projection at 512, and its MLP at one token: only the last is memory-bound. */
const sizes: readonly Size[] = [
  [64, 768, 3072],
  [512, 768, 768],
  [1, 768, 3072],
]

/** The steps with these names, in the ladder's order. @throws UserError for a name that no step has */
function chosen(rungs: readonly Rung[], only?: readonly string[]): readonly Rung[] {
  const names = rungs.map(({ name }) => name)
  const unknown = only?.find((name) => !names.includes(name))
  if (unknown !== undefined)
    throw new UserError(`--only "${unknown}": there is no such step; the steps are: ${names.join(' | ')}`)
  return only ? rungs.filter(({ name }) => only.includes(name)) : rungs
}

export const kernels: Benchmark<{ threads?: number; only?: readonly string[] }> = {
  name: 'kernels',
  description: 'a product, from three loops to all the machine has',
  addOptions: (command) => addThreads(command).option('--only <step...>', 'only these steps of the ladder'),

  async run({ quick, quiet, threads = availableParallelism(), only }) {
    const rungs = chosen(ladder(threads), only)
    if (!quiet) for (const { name, changes } of rungs) console.log(`${name}: ${changes}`)
    const starts = rungs.map((rung) => {
      const { name: work, threads, instructions, missing } = rung
      const start = async () => {
        if (missing) throw new Error(missing)
        return matmulRunner(
          { work, backend: instructions ? 'wasm' : 'js', threads, instructions },
          (problem) => rung.prepare(problem),
        )
      }
      return [work, start] as const
    })
    return timeProducts(quick ? sizes.slice(0, 1) : sizes, starts, { threads, quick, quiet })
  },

  summary({ rows }) {
    const steps = rows.filter(({ shape }) => shape !== '')
    const last = steps.at(-1)?.work
    return timesAsFast(
      'the three plain loops',
      steps.filter(({ work }) => work === last),
      steps.filter(({ work }) => work === 'naive'),
      ({ shape }) => shape,
    )
  },
}
