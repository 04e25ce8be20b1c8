// The training itself, step by step, with a look at texts held out and a checkpoint from time to time.
import type { Backend } from '../../../engine/backend.ts'
import { createRandom } from '../../../engine/random.ts'
import type { Tensor } from '../../../engine/tensor.ts'
import type { Gpt2Config } from '../../../gpt2/config.ts'
import { textLosses } from '../../../gpt2/loss.ts'
import type { Gpt2 } from '../../../gpt2/model.ts'
import { initialWeights } from '../../../gpt2/train/initial.ts'
import { Gpt2Training } from '../../../gpt2/train/training.ts'
import { createProgress } from '../../lab/cli/progress.ts'
import type { Circumstances } from '../../lab/models/checkpoint.ts'
import { eventsHandled } from '../../lab/models/features.ts'
import type { Ids } from '../../lab/texts/held-out.ts'
import { Batches, passagesOf } from './passages.ts'
import { trainingSettings, type Gpt2Checkpoint, type Point, type Settings } from './settings.ts'

export interface Trained {
  readonly weights: ReadonlyMap<string, Tensor>
  readonly history: readonly Point[]
  /** Mean cross-entropy of all passages held out, in nats per token. */
  readonly heldOut: number
  readonly steps: number
  /** Of this run: a resumed one's begin anew. */
  readonly tokensPerSecond: number
}

interface TrainOptions {
  readonly settings: Settings
  readonly circumstances: Circumstances
  readonly from?: Gpt2Checkpoint
  /** Tokens between checkpoints. */
  readonly every: number
  readonly save: (checkpoint: Gpt2Checkpoint) => Promise<void>
  readonly quiet?: boolean
}

/** Points that the curve of the loss has, at most, and that of texts held out. */
const [POINTS, MEASURED] = [200, 20]

/** Passages held out that are measured on the way. */
const SOME = 16

/** Passages that go through the model at once where nothing is learned. */
const AT_ONCE = 4

/** Trains a model, or goes on training it `from` a checkpoint: the same bits either way. texts: ids with BOS */
export async function trainGpt2(
  ops: Backend,
  config: Gpt2Config,
  texts: { readonly training: readonly Ids[]; readonly heldOut: readonly Ids[] },
  { settings, circumstances, from, every, save, quiet }: TrainOptions,
): Promise<Trained> {
  const { batch, seed } = settings
  const [passages, heldOut] = [texts.training, texts.heldOut].map((some) => passagesOf(some, config.nCtx))
  const batches = new Batches(passages, batch, seed)
  const size = batch * config.nCtx
  const steps = Math.ceil(settings.tokens / size)
  const schedule = trainingSettings(settings, steps)
  const training = from
    ? await Gpt2Training.resume(ops, config, schedule, from)
    : await Gpt2Training.begin(ops, config, schedule, initialWeights(config, createRandom(seed)))
  const history = [...(from?.history ?? [])]
  const checkpoint = async () => save({ settings, circumstances, history, ...(await training.save()) })
  const isOneOf = (count: number) =>
    training.steps % Math.ceil(steps / count) === 0 || training.steps === steps
  if (!from) await checkpoint()
  using progress = createProgress({ label: 'training', total: steps * size, unit: 'tokens', quiet })
  progress.skip(training.steps * size)
  const [begun, start] = [training.steps, performance.now()]
  const speed = () => ((training.steps - begun) * size * 1000) / (performance.now() - start)
  let lastHeldOut = history.findLast((point) => point.heldOut !== undefined)?.heldOut
  while (training.steps < steps) {
    const loss = await training.step(batches.of(training.steps))
    await eventsHandled()
    const tokens = training.steps * size
    const measured = isOneOf(MEASURED) ? await meanLossOf(training.model, heldOut.slice(0, SOME)) : undefined
    lastHeldOut = measured ?? lastHeldOut
    if (measured !== undefined) history.push({ tokens, loss, heldOut: measured })
    else if (isOneOf(POINTS)) history.push({ tokens, loss })
    progress.update(tokens, describe(loss, lastHeldOut, speed()))
    if (training.steps % Math.ceil(every / size) === 0 && training.steps < steps) await checkpoint()
  }
  const result = {
    ...{ history, steps, tokensPerSecond: speed() },
    heldOut: await meanLossOf(training.model, heldOut),
    weights: await training.weights(),
  }
  training.release()
  return result
}

function describe(loss: number, heldOut: number | undefined, speed: number): string {
  const held = heldOut === undefined ? '' : `, held out ${heldOut.toFixed(3)}`
  return `loss ${loss.toFixed(3)}${held}, ${Math.round(speed)} tokens/s`
}

/** Of all next tokens, in nats. */
async function meanLossOf(model: Gpt2, passages: readonly Ids[]): Promise<number> {
  let [sum, count] = [0, 0]
  for (let first = 0; first < passages.length; first += AT_ONCE) {
    const some = passages.slice(first, first + AT_ONCE)
    for (const loss of await textLosses(model, some)) sum += loss
    for (const { length } of some) count += length - 1
  }
  return sum / count
}
