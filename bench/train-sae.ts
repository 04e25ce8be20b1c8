// `bench train-sae`: one step of training an SAE on given activations, and with --beside the same step in PyTorch.
import type { Backend } from '../engine/backend.ts'
import { createReferenceBackend } from '../engine/reference/backend.ts'
import { createRandom } from '../engine/random.ts'
import { Tensor } from '../engine/tensor.ts'
import { listOf } from '../experiments/lab/cli/cli.ts'
import { createProgress } from '../experiments/lab/cli/progress.ts'
import {
  addEngineOptions,
  withBackend,
  type EngineOptions,
} from '../experiments/lab/models/engine-options.ts'
import { plainConfig } from '../sae/config.ts'
import { initialTensors } from '../sae/train/weights.ts'
import { SaeTraining, type TrainingSettings } from '../sae/train/training.ts'
import { timesAsFast, type Benchmark } from './benchmark.ts'
import { runCommand } from './measured-process.ts'
import { makeRow, noCost, threadsOf, type Row } from './rows.ts'

interface TrainOptions extends EngineOptions {
  readonly sizes: readonly string[]
  readonly beside?: string
}

interface Size {
  readonly dIn: number
  readonly dSae: number
  readonly batch: number
}

/** What a command of --beside prints: milliseconds of its steps. */
interface StepTimes {
  readonly backend: string
  readonly mode: string
  readonly threads: number
  readonly ms: readonly number[]
}

const SIZES: Readonly<Record<string, Size>> = {
  full: { dIn: 768, dSae: 24576, batch: 1024 },
  small: { dIn: 128, dSae: 1024, batch: 4096 },
}
const KINDS = ['standard', 'topk'] as const
type Kind = (typeof KINDS)[number]

/** A standard SAE's biases: with them about 30 of its features are active per token, as after some training. */
const BIAS: Readonly<Record<string, number>> = { small: -0.2, full: -0.3 }
const K = 32
const MILLISECONDS = { usual: 2000, quick: 500 }
const VERIFIED_ROWS = 4

export const trainSae: Benchmark<TrainOptions> = {
  name: 'train-sae',
  description: 'one step of training an SAE, standard and TopK',
  addOptions: (command) =>
    addEngineOptions(command, { model: false })
      .option('--sizes <list>', 'small (128 -> 1,024), full (768 -> 24,576); quick: small', listOf('sizes'), [
        'small',
        'full',
      ])
      .option(
        '--beside <command>',
        'a command for the same step elsewhere, run between our runs: see bench/train-sae-pytorch.py',
      ),

  async run(options) {
    const { quick, quiet, beside } = options
    const ms = quick ? MILLISECONDS.quick : MILLISECONDS.usual
    const names = Object.keys(SIZES).filter((name) =>
      quick ? name === 'small' : options.sizes.includes(name),
    )
    using progress = createProgress({
      label: 'measuring',
      total: names.length * KINDS.length,
      unit: 'steps',
      quiet,
    })
    return withBackend(options, async (ops) => {
      const rows: Row[] = []
      for (const name of names)
        for (const kind of KINDS) {
          const { dIn, dSae, batch } = SIZES[name]
          const label = { work: kind, shape: `${batch}x${dIn}x${dSae}` }
          const training = await begin(ops, kind, name)
          const before = await timeSteps(training, name, ms / 2)
          const other = beside
            ? await runCommand<StepTimes>(
                `bench train-sae: --beside ${beside}`,
                `${beside} ${kind} ${dIn} ${dSae} ${batch} ${ms}`,
              )
            : undefined
          const samples = [...before, ...(await timeSteps(training, name, ms / 2))]
          training.release()
          rows.push(
            makeRow(
              { ...label, backend: ops.name, mode: ops.mode, threads: threadsOf(ops) },
              samples,
              noCost,
            ),
          )
          if (other) rows.push(makeRow({ ...label, ...other }, other.ms, noCost))
          progress.step()
        }
      return { rows }
    })
  },

  summary({ rows }) {
    const ours = rows.filter(({ backend }) => !backend.startsWith('PyTorch'))
    return timesAsFast(
      'PyTorch',
      ours,
      rows.filter((row) => !ours.includes(row)),
    )
  },
}

/** Normally distributed rows. */
function batchOf({ dIn, batch }: Size): Tensor {
  const [x, random] = [Tensor.zeros([batch, dIn]), createRandom(3)]
  for (let i = 0; i < x.data.length; i++)
    x.data[i] = Math.sqrt(-2 * Math.log(1 - random.number())) * Math.cos(2 * Math.PI * random.number())
  return x
}

/** @throws if the loss or the features of a few rows differ from the reference's; small size only: the large one would take the reference a minute */
async function begin(ops: Backend, architecture: Kind, name: string): Promise<SaeTraining> {
  const { dIn, dSae } = SIZES[name]
  const about = { hookName: 'blocks.0.hook_resid_pre', centered: false, modelName: 'none' }
  const plain = plainConfig({ dIn, dSae, ...about })
  const config = architecture === 'topk' ? { ...plain, architecture, k: K } : plain
  const costs = { l1: 2, l0: 0, k: K, widths: [], costWarmUp: 0 }
  const settings: TrainingSettings = { architecture, rate: 1e-5, steps: 1, deadAfter: Infinity, ...costs }
  const tensors = initialTensors(config, { b_enc: architecture === 'topk' ? 0 : BIAS[name] }, createRandom(1))
  const from = { steps: 0, threshold: 0, tensors: tensors.set('idle', Tensor.zeros([dSae])) }
  const training = await SaeTraining.resume(ops, config, settings, from)
  if (name !== 'small') return training
  const few = batchOf({ ...SIZES[name], batch: VERIFIED_ROWS })
  const expected = await lossOf(
    await SaeTraining.resume(createReferenceBackend(), config, settings, from),
    few,
  )
  const got = await lossOf(training, few)
  if (got.active !== expected.active || !(Math.abs(got.loss - expected.loss) <= 1e-4 * expected.loss))
    throw new Error(
      `wrong result: ${architecture}, ${name}: loss ${got.loss} of ${got.active} features, the reference says ${expected.loss} of ${expected.active}: nothing is timed`,
    )
  return training
}

async function lossOf(training: SaeTraining, x: Tensor): Promise<{ loss: number; active: number }> {
  let found: { loss: number; active: number } | undefined
  await training.sae.ops.scope(async (ops) => {
    const { loss, features } = await training.gradients(ops, ops.upload(x))
    found = { loss, active: features.values.length }
  })
  return found!
}

/** -> milliseconds of each step */
async function timeSteps(training: SaeTraining, name: string, ms: number): Promise<number[]> {
  const x = batchOf(SIZES[name])
  for (let warm = 0; warm < 2; warm++) await training.step(x)
  const times: number[] = []
  for (let spent = 0; spent < ms; spent += times[times.length - 1]) {
    const start = performance.now()
    await training.step(x)
    times.push(performance.now() - start)
  }
  return times
}
