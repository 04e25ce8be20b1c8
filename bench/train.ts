// `bench train`: a training step of a GPT-2, beside the same step in another program.
import { availableParallelism } from 'node:os'
import { createRandom } from '../engine/random.ts'
import { positiveInteger } from '../experiments/lab/cli/cli.ts'
import { createProgress } from '../experiments/lab/cli/progress.ts'
import { UserError } from '../experiments/lab/cli/user-error.ts'
import { withBackend } from '../experiments/lab/models/engine-options.ts'
import { gpt2Small, type Gpt2Config } from '../gpt2/config.ts'
import { initialWeights } from '../gpt2/train/initial.ts'
import { Gpt2Training } from '../gpt2/train/training.ts'
import { weightShapes } from '../gpt2/weights.ts'
import { sizeOf } from '../engine/tensor.ts'
import { addThreads, showRange, timesAsFast, type Benchmark } from './benchmark.ts'
import { runCommand } from './measured-process.ts'
import { makeRow, threadsOf } from './rows.ts'

interface TrainOptions {
  readonly threads?: number
  readonly rounds: number
  readonly beside?: readonly string[]
}

/** What a command of --beside is given. */
interface TrainInput {
  readonly layers: number
  readonly width: number
  readonly heads: number
  readonly context: number
  readonly vocabulary: number
  /** Texts per step, each as long as the context. */
  readonly batch: number
  readonly threads: number
  /** Steps that are timed, after a few that are not. */
  readonly steps: number
  readonly warmUp: number
}

/** What it prints as its last line. */
interface TrainRun {
  readonly name: string
  readonly mode: string
  /** One for each timed step. */
  readonly ms: readonly number[]
  /** One for every step: they show that it learns. */
  readonly losses: readonly number[]
}

/** The bundled model's sizes. */
const SIZES = { layers: 6, width: 128, heads: 4, context: 256, vocabulary: 4097, batch: 16 }

export const train: Benchmark<TrainOptions> = {
  name: 'train',
  description: 'a step of training a GPT-2, 16 x 256 tokens',
  addOptions: (command) =>
    addThreads(command)
      .option('--rounds <n>', 'how often each is run (quick: once)', positiveInteger('rounds'), 3)
      .option(
        '--beside <command>',
        'a command that does the same, run between our runs; may be given more than once: see bench/train-pytorch.py',
        (command: string, before: string[] = []) => [...before, command],
      ),

  async run({ quick, quiet, beside = [], rounds, threads = availableParallelism() }) {
    const input: TrainInput = { ...SIZES, threads, steps: quick ? 2 : 5, warmUp: 2 }
    const told = `'${JSON.stringify(input)}'`
    const works = [
      () => ourRun(input),
      ...beside.map((command) => () => runCommand<TrainRun>(`bench train: ${command}`, `${command} ${told}`)),
    ]
    const runs: TrainRun[][] = works.map(() => [])
    const total = (quick ? 1 : rounds) * works.length
    using progress = createProgress({ label: 'measuring', total, unit: 'runs', quiet })
    for (let round = 0; round < total; round++) {
      runs[round % works.length].push(await works[round % works.length]())
      progress.step()
    }
    for (const run of runs.flat()) checkLearns(run, input)
    const shape = `${input.batch}x${input.context}`
    const cost = { flops: flopsOf(input), bytes: 0 }
    return {
      rows: runs.map((all) => {
        const [{ name: backend, mode }] = all
        const row = { work: 'training step', shape, backend, mode, threads: threadsOf({ mode }) }
        return makeRow(
          row,
          all.flatMap(({ ms }) => ms),
          cost,
        )
      }),
    }
  },

  summary({ rows: [ours, ...others] }) {
    const rate = showRange([(SIZES.batch * SIZES.context * 1000) / ours.median_ms])
    return `${timesAsFast('the other (--beside)', [ours], others)}: ${rate} tokens a second`
  },
}

function configOf({ layers, width, heads, context, vocabulary }: TrainInput): Gpt2Config {
  const sizes = { nLayers: layers, dModel: width, nHeads: heads, nCtx: context, dVocab: vocabulary }
  return { ...gpt2Small, ...sizes, dHead: width / heads, dMlp: 4 * width, bos: undefined }
}

async function ourRun(input: TrainInput): Promise<TrainRun> {
  const { threads, batch, context, vocabulary, warmUp, steps } = input
  return withBackend({ backend: 'wasm', threads }, async (ops) => {
    const [config, random] = [configOf(input), createRandom(0)]
    const texts = Array.from({ length: batch }, () =>
      Array.from({ length: context }, () => random.index(vocabulary)),
    )
    const settings = { rate: 1e-3, steps: warmUp + steps, longest: 1 }
    const training = await Gpt2Training.begin(ops, config, settings, initialWeights(config, random))
    const [ms, losses]: number[][] = [[], []]
    for (let step = 0; step < warmUp + steps; step++) {
      const start = performance.now()
      losses.push(await training.step(texts))
      ms.push(performance.now() - start)
    }
    training.release()
    return { name: 'wasm', mode: ops.mode, ms: ms.slice(warmUp), losses }
  })
}

/** @throws UserError unless the loss begins at that of knowing nothing, and falls */
function checkLearns({ name, losses }: TrainRun, { vocabulary }: TrainInput): void {
  const [first, last] = [losses[0], losses[losses.length - 1]]
  if (Math.abs(first - Math.log(vocabulary)) > 0.3 || !(last < first - 0.2))
    throw new UserError(`bench train: ${name} goes from a loss of ${first} to ${last}: it does not learn`)
}

/** Six for each weight of a product and token: two forward, four back. Attention: two products per head, of a query with all keys up to its own. */
function flopsOf(input: TrainInput): number {
  const { layers, width, context, batch } = input
  const matrices = [...weightShapes(configOf(input))].filter(
    ([name, shape]) => shape.length === 2 && name !== 'wpe.weight',
  )
  const weights = matrices.reduce((sum, [, shape]) => sum + sizeOf(shape), 0)
  const attention = layers * 2 * width * ((context + 1) / 2)
  return 6 * batch * context * (weights + attention)
}
