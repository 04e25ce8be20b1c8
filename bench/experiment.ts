// `bench experiment`: times the post's experiment part by part, from files to peaks, and measures its memory.
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { postLayers } from '../experiments/lab/analysis/replication.ts'
import { positiveInteger } from '../experiments/lab/cli/cli.ts'
import { UserError } from '../experiments/lab/cli/user-error.ts'
import { createProgress } from '../experiments/lab/cli/progress.ts'
import type { EngineOptions } from '../experiments/lab/models/engine-options.ts'
import { layerOf } from '../experiments/lab/models/hooks.ts'
import { float32Bytes } from '../experiments/lab/models/fits.ts'
import { findModel, type ModelSource } from '../experiments/lab/models/model-source.ts'
import { weightShapes } from '../gpt2/weights.ts'
import { saeShapes } from '../sae/weights.ts'
import { addModel, timesAsFast, type Benchmark } from './benchmark.ts'
import { textsOfPublishedLengths, type ExperimentInput, type ExperimentRun } from './experiment-input.ts'
import { runCommand, runScript } from './measured-process.ts'
import { memoryUse } from './memory.ts'
import { writeModelFolder } from './model-folder.ts'
import { makeRow, threadsOf, type Row } from './rows.ts'

interface ExperimentOptions extends EngineOptions {
  readonly repeats?: number
  /** Commands that run the same experiment another way; each is given a folder, and prints an ExperimentRun. */
  readonly beside?: readonly string[]
}

const USUAL_REPEATS = 5
const QUICK_REPEATS = 1
/** The post's threshold. */
const THRESHOLD = 5

/**
 * Model and SAEs come from float32 files that are warm in the system's cache; there are as many texts and tokens as the
 * post had. Every run is a process of its own; runs of other implementations, if there are any, take turns with
 * ours: A B C A B C ... All must find the same peaks.
 */
export const experiment: Benchmark<ExperimentOptions> = {
  name: 'experiment',
  description: 'the post’s experiment, part by part, files to peaks',
  addOptions: (command) =>
    addModel(command)
      .option(
        '--repeats <n>',
        'runs of each implementation (default: 5; quick: 1, on tiny)',
        positiveInteger('repeats'),
      )
      .option(
        '--beside <command>',
        'a command that does the same, run between our runs; may be given more than once: see bench/experiment-pytorch.py',
        (command: string, before: string[] = []) => [...before, command],
      ),

  async run(options) {
    const { quick, quiet, beside = [], repeats = quick ? QUICK_REPEATS : USUAL_REPEATS } = options
    const source = await findModel(quick ? 'tiny' : options.model, options)
    const hooks = hooksOf(source)
    const input: ExperimentInput = {
      threads: options.threads ?? availableParallelism(),
      hooks,
      threshold: THRESHOLD,
      ...(await textsOfPublishedLengths(source.config)),
    }
    await using folder = await writeModelFolder(source, hooks, quiet)
    await writeFile(join(folder.path, 'experiment.json'), JSON.stringify(input))

    const told = { ...options, model: folder.path }
    const ours = () => runScript<ExperimentRun>('bench experiment: ours', 'experiment-child.ts', told)
    const others = beside.map(
      (command) => () =>
        runCommand<ExperimentRun>(`bench experiment: --beside ${command}`, `${command} "${folder.path}"`),
    )
    const works = [ours, ...others]
    const runs: ExperimentRun[][] = works.map(() => [])
    using progress = createProgress({
      label: 'measuring',
      total: repeats * works.length,
      unit: 'runs',
      quiet,
    })
    for (let round = 0; round < repeats; round++)
      for (const [index, work] of works.entries()) {
        runs[index].push(await work())
        progress.step()
      }
    for (const run of runs.flat()) checkPeaks(run, runs[0][0])
    const bytes = bytesInUse(source, hooks[0])
    return {
      rows: runs.flatMap(rowsOf),
      memory: runs.map(([run]) => memoryUse(`${source.name}, float32 files`, run, bytes, run.memory)),
    }
  },

  summary({ rows }) {
    const totals = rows.filter(({ work }) => work === 'total')
    const [ours, ...others] = totals
    if (others.length === 0) return timesAsFast('another implementation (--beside)', [ours], [])
    return others.map((other) => timesAsFast(other.backend, [ours], [other])).join('; ')
  },
}

/** The post's layers, or all that have an SAE, if the model lacks any of the post's. */
function hooksOf({ name, saes }: ModelSource): string[] {
  const all = [...saes.keys()]
  if (all.length === 0) throw new UserError(`bench experiment: the model ${name} has no SAEs`)
  const ofPost = all.filter((hook) => postLayers.includes(layerOf(hook)))
  return ofPost.length === postLayers.length ? ofPost : all
}

/** The model's tensors and those of one SAE: only one SAE is loaded at a time. */
function bytesInUse({ config, saes }: ModelSource, hook: string): number {
  return float32Bytes(weightShapes(config)) + float32Bytes(saeShapes(saes.get(hook)!.config))
}

/** Float32 sums in another order differ by less; another computation differs by more. */
const PEAK_TOLERANCE = 1e-3

function checkPeaks({ name, peaks }: ExperimentRun, first: ExperimentRun): void {
  for (const [layer, row] of first.peaks.entries())
    for (const [category, expected] of row.entries()) {
      const found = peaks[layer]?.[category]
      if (!(Math.abs(found - expected) <= PEAK_TOLERANCE * Math.max(1, expected)))
        throw new UserError(
          `bench experiment: ${name} has a peak of ${found} in SAE ${layer}, category ${category}, ` +
            `${first.name} one of ${expected}: they do not compute the same, so nothing is reported`,
        )
    }
}

/** One row per part, over the repeats of one implementation. */
function rowsOf(runs: readonly ExperimentRun[]): Row[] {
  const [{ name, mode, parts }] = runs
  return parts.map(({ work, shape, flops, bytes }, i) => {
    const samples = runs.map((run) => run.parts[i].ms)
    return makeRow({ work, shape, backend: name, mode, threads: threadsOf({ mode }) }, samples, {
      flops,
      bytes,
    })
  })
}
