import { spawn, type SpawnOptions } from 'node:child_process'
import { writeFile } from 'node:fs/promises'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { postLayers } from '../experiments/lab/analysis/replication.ts'
import { UserError } from '../experiments/lab/cli/cli.ts'
import { layerOf } from '../experiments/lab/models/hooks.ts'
import { float32Bytes } from '../experiments/lab/models/memory-limit.ts'
import type { ModelSource } from '../experiments/lab/models/model-files.ts'
import { findModel } from '../experiments/lab/models/model-sources.ts'
import type { EngineOptions } from '../experiments/lab/models/engine-options.ts'
import { createProgress } from '../experiments/lab/cli/progress.ts'
import { weightShapes } from '../gpt2/weights.ts'
import { saeShapes } from '../sae/weights.ts'
import type { ExperimentChild } from './experiment-child.ts'
import { textsOfPublishedLengths, type ExperimentInput, type ExperimentRun } from './experiment-input.ts'
import { memoryUse } from './memory.ts'
import { writeModelFolder } from './model-folder.ts'
import { makeRow, threadsOf, type MemoryUse, type Row } from './rows.ts'

export interface ExperimentOptions extends EngineOptions {
  readonly repeats?: number
  /** A command that runs the same experiment another way; it is given a folder, and prints an ExperimentRun. */
  readonly beside?: string
  readonly quick?: boolean
  readonly json?: boolean
}

const USUAL_REPEATS = 5
const QUICK_REPEATS = 1
/** The post's threshold. */
const THRESHOLD = 5

/**
 * The post's experiment, part by part: model and SAEs from float32 files that are warm in the system's cache, its 70
 * texts' number of tokens, its four layers. Every run is a process of its own, and those of another implementation,
 * where there is one, stand between ours: A B A B ...
 * @throws UserError unless all of them find the same peaks
 */
export async function benchExperiment(
  options: ExperimentOptions,
): Promise<{ rows: Row[]; memory: MemoryUse[] }> {
  const { beside, quick = false, json: quiet = false } = options
  const source = await findModel(quick ? 'tiny' : options.model, { ...options, quiet })
  const hooks = hooksOf(source)
  const input: ExperimentInput = {
    threads: options.threads ?? availableParallelism(),
    hooks,
    threshold: THRESHOLD,
    ...(await textsOfPublishedLengths(source.config)),
  }
  await using folder = await writeModelFolder(source, hooks, quiet)
  await writeFile(join(folder.path, 'experiment.json'), JSON.stringify(input))

  const works = [
    () => runOurs(options, folder.path),
    ...(beside ? [() => runBeside(beside, folder.path)] : []),
  ]
  const repeats = options.repeats ?? (quick ? QUICK_REPEATS : USUAL_REPEATS)
  const runs: ExperimentRun[][] = works.map(() => [])
  using progress = createProgress({ label: 'measuring', total: repeats * works.length, unit: 'runs', quiet })
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
}

/** The post's layers, or, of a model that has not all of them, every one with an SAE. */
function hooksOf({ name, saes }: ModelSource): string[] {
  const all = [...saes.keys()]
  if (all.length === 0) throw new UserError(`bench experiment: there are no SAEs beside the model ${name}`)
  const ofPost = all.filter((hook) => postLayers.includes(layerOf(hook)))
  return ofPost.length === postLayers.length ? ofPost : all
}

/** The model's tensors, and those of one SAE: there is one at a time. */
function bytesInUse({ config, saes }: ModelSource, hook: string): number {
  return float32Bytes(weightShapes(config)) + float32Bytes(saeShapes(saes.get(hook)!.config))
}

function runOurs({ backend, threads, paired, saeEncoder }: ExperimentOptions, model: string) {
  const child: ExperimentChild = { model, backend, threads, paired, saeEncoder, startedAt: Date.now() }
  const script = fileURLToPath(new URL('experiment-child.ts', import.meta.url))
  return readRun('ours', spawn(process.execPath, [script, JSON.stringify(child)], stdio))
}

function runBeside(command: string, folder: string) {
  const started = { CLEARBOX_STARTED_AT: String(Date.now()) }
  const env = { ...process.env, ...started }
  return readRun(`--beside ${command}`, spawn(`${command} "${folder}"`, { ...stdio, env, shell: true }))
}

const stdio: SpawnOptions = { stdio: ['ignore', 'pipe', 'pipe'] }

/** The run that a process prints as its last line. @throws UserError with what it wrote on standard error, if it fails */
async function readRun(what: string, child: ReturnType<typeof spawn>): Promise<ExperimentRun> {
  const text = { stdout: '', stderr: '' }
  child.stdout!.on('data', (chunk: Buffer) => (text.stdout += chunk.toString()))
  child.stderr!.on('data', (chunk: Buffer) => (text.stderr += chunk.toString()))
  const code = await new Promise((resolve, reject) => child.on('close', resolve).on('error', reject))
  const last = text.stdout.trim().split('\n').at(-1) ?? ''
  if (code !== 0 || !last.startsWith('{'))
    throw new UserError(
      `bench experiment: ${what} ended with ${String(code)} and no result: ${text.stderr.trim().slice(-2000)}`,
    )
  return JSON.parse(last) as ExperimentRun
}

/** Float32 in another order of sums differs by less; another computation, by more. */
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

/** A row a part, over the repeats of one implementation. */
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
