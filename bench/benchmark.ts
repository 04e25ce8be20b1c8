// What a benchmark is to the command line, and how its last line is made of its rows.
import type { Command } from 'commander'
import { positiveInteger } from '../experiments/lab/cli/cli.ts'
import { UserError } from '../experiments/lab/cli/user-error.ts'
import { addEngineOptions } from '../experiments/lab/models/engine-options.ts'
import type { Results, Row } from './rows.ts'
import { digits, type BenchmarkName } from './tables.ts'

/** What every benchmark is given. */
export interface CommonOptions {
  readonly quick: boolean
  /** Print nothing but the results file. */
  readonly quiet: boolean
}

export interface Benchmark<Options> {
  readonly name: BenchmarkName
  /** At most 56 characters: a line of --help. */
  readonly description: string
  readonly addOptions: (command: Command) => unknown
  readonly run: (options: Options & CommonOptions) => Promise<Omit<Results, 'machine'>>
  /** Its last line, such as `ours is 2.8 to 3.0 times as fast as onnxruntime-web`. */
  readonly summary: (results: Results) => string
}

/** The backend, and the model that it runs. */
export function addModel(command: Command): Command {
  return addEngineOptions(command, { model: false }).option(
    '--model <name>',
    'synthetic (GPT-2 small, weights from a formula), tiny (bundled), or a folder',
    'synthetic',
  )
}

/**
 * The names that `--only` chose, by their beginnings; without it, all. `benchmark` and `what` are for the message.
 * @throws UserError if no name begins with one of the words
 */
export function namesChosen(
  benchmark: BenchmarkName,
  what: string,
  names: readonly string[],
  only: readonly string[] = [''],
): string[] {
  for (const wanted of only)
    if (!names.some((name) => name.startsWith(wanted)))
      throw new UserError(
        `bench ${benchmark}: --only ${wanted}: no ${what}'s name begins so; there are: ${names.join(' | ')}`,
      )
  return names.filter((name) => only.some((wanted) => name.startsWith(wanted)))
}

export function addThreads(command: Command): Command {
  return command.option(
    '--threads <n>',
    'threads of every contestant that has any (default: all cores)',
    positiveInteger('threads'),
  )
}

/**
 * `ours is 2.80 to 3.05 times as fast as NAME`: against the fastest of the others at each work; `keyOf` says which works are the same.
 */
export function timesAsFast(
  name: string,
  ours: readonly Row[],
  others: readonly Row[],
  keyOf = ({ work, shape }: Row) => `${work} ${shape}`,
): string {
  const ratios = ours.flatMap((row) => {
    const same = others.filter((other) => keyOf(other) === keyOf(row))
    return same.length > 0 ? [Math.min(...same.map(({ median_ms }) => median_ms)) / row.median_ms] : []
  })
  if (ratios.length === 0) return `there is nothing to compare ours with: ${name} was not run beside it`
  return `ours is ${showRange(ratios)} times as fast as ${name}`
}

/** `0.680 to 0.780`, or a single number. */
export function showRange(values: readonly number[]): string {
  return [...new Set([Math.min(...values), Math.max(...values)].map(digits))].join(' to ')
}
