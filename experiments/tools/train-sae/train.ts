// The training itself: from the pool to the optimiser, step by step, with a checkpoint from time to time.
import type { Backend } from '../../../engine/backend.ts'
import { createRandom, seedOf } from '../../../engine/random.ts'
import type { Tensor } from '../../../engine/tensor.ts'
import type { SaeConfig } from '../../../sae/config.ts'
import { ActivationPool } from '../../../sae/train/pool.ts'
import { SaeTraining } from '../../../sae/train/training.ts'
import { createProgress } from '../../lab/cli/progress.ts'
import type { Circumstances } from '../../lab/models/checkpoint.ts'
import { stepsOf, trainingSettings, type Point, type SaeCheckpoint, type Settings } from './settings.ts'

/** Activations without end: they come again, in another order, when all were read. */
export interface ActivationSource {
  /** Where it stands: how often `next` was called. */
  readonly position: number
  /** Some rows, on the SAE's basis. -> [tokens, d_in] */
  next(): Promise<Tensor>
}

export interface Trained {
  readonly weights: ReadonlyMap<string, Tensor>
  readonly scale: number
  readonly history: readonly Point[]
  /** Of this run: a resumed one's begin anew. */
  readonly tokensPerSecond: number
}

interface TrainOptions {
  readonly settings: Settings
  readonly circumstances: Circumstances
  readonly from?: SaeCheckpoint
  /** Steps between checkpoints. */
  readonly every: number
  readonly save: (checkpoint: SaeCheckpoint) => Promise<void>
  readonly quiet?: boolean
}

/** Points that the curves have, at most. */
const POINTS = 200

/** Draws of batches are numbered from here, so that they are not those of the epochs' orders. */
const FIRST_BATCH = 2 ** 31

/** Trains an SAE, or goes on training it `from` a checkpoint: the same bits either way. sourceAt: where it reads, from a position on */
export async function trainSae(
  ops: Backend,
  config: SaeConfig,
  sourceAt: (position?: number) => ActivationSource,
  { settings, circumstances, from, every, save, quiet }: TrainOptions,
): Promise<Trained> {
  const { batch, seed } = settings
  const steps = stepsOf(settings)
  const source = sourceAt(from?.position)
  const pool = new ActivationPool(config.dIn, settings.buffer, from?.tensors.get('pool'))
  const fill = async () => {
    while (!pool.isFull) pool.add(await source.next())
  }
  await fill()
  const scale = from?.scale ?? scaleOf(pool.rows)
  const training = from
    ? await SaeTraining.resume(ops, config, trainingSettings(settings), from)
    : await SaeTraining.begin(ops, config, trainingSettings(settings), seed)
  const history = [...(from?.history ?? [])]
  const checkpoint = async () => {
    const saved = await training.save()
    const tensors = new Map([...saved.tensors, ['pool', pool.rows] as const])
    const { position } = source
    await save({ ...saved, settings, circumstances, position, scale, history, tensors })
  }
  if (!from) await checkpoint()
  using progress = createProgress({ label: 'training', total: steps * batch, unit: 'tokens', quiet })
  progress.skip(training.steps * batch)
  const [begun, start] = [training.steps, performance.now()]
  const speed = () => ((training.steps - begun) * batch * 1000) / (performance.now() - start)
  while (training.steps < steps) {
    await fill()
    const x = pool.take(batch, createRandom(seedOf(seed, FIRST_BATCH + training.steps)))
    for (const [i, value] of x.data.entries()) x.data[i] = value * scale
    const result = await training.step(x)
    const tokens = training.steps * batch
    if (training.steps % Math.ceil(steps / POINTS) === 0 || training.steps === steps)
      history.push({ tokens, ...result })
    progress.update(tokens, `${describe(result)}, ${Math.round(speed())} tokens/s`)
    if (training.steps % every === 0 && training.steps < steps) await checkpoint()
  }
  const weights = await training.weights()
  training.release()
  return { weights, scale, history, tokensPerSecond: speed() }
}

function describe({ loss, l0, explainedVariance, deadFeatures }: Omit<Point, 'tokens'>): string {
  return `loss ${loss.toPrecision(4)}, L0 ${l0.toFixed(1)}, explained ${(100 * explainedVariance).toFixed(1)} %, ${deadFeatures} dead`
}

/** What makes the mean length of rows the root of their width (SAELens' expected_average_only_in), so that one L1 cost suits every hook. */
function scaleOf(rows: Tensor): number {
  const [count, width] = rows.shape
  let sum = 0
  for (let row = 0; row < count; row++) {
    let squares = 0
    for (const value of rows.row(row)) squares += value * value
    sum += Math.sqrt(squares)
  }
  return (Math.sqrt(width) * count) / sum
}
