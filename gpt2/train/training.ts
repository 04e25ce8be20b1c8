// The training of one model, step by step, which can be saved at any step and resumed later.
import type { Backend, DeviceTensor } from '../../engine/backend.ts'
import { record } from '../../engine/tape.ts'
import { Tensor } from '../../engine/tensor.ts'
import {
  AdamW,
  clipScale,
  gradientLength,
  type AdamSettings,
  type AdamState,
} from '../../engine/train/optimizer.ts'
import { rateAt, type Schedule } from '../../engine/train/schedule.ts'
import { memoryStore } from '../../engine/weights/weights.ts'
import type { Gpt2Config } from '../config.ts'
import { loadGpt2, releaseGpt2, run, type Gpt2 } from '../model.ts'
import { allShapes } from '../weights.ts'
import { parametersOf, readParameters } from './parameters.ts'

export interface TrainingSettings extends Schedule, AdamSettings {
  /** The length that the gradient is clipped to. */
  readonly longest: number
}

/** The state that a stopped training continues from. */
export interface SavedTraining {
  readonly steps: number
  /** A checkpoint's tensors, and the optimiser's. */
  readonly tensors: ReadonlyMap<string, Tensor>
}

/** A model and its optimiser. */
export class Gpt2Training {
  readonly model: Gpt2
  readonly #settings: TrainingSettings
  readonly #adam: AdamW

  private constructor(model: Gpt2, settings: TrainingSettings, saved?: AdamState) {
    this.model = model
    this.#settings = settings
    this.#adam = new AdamW(model.ops, parametersOf(model.weights), settings, saved)
  }

  /** Begins with these weights, by their names in a checkpoint. @throws if the backend has no backward rules */
  static async begin(
    ops: Backend,
    config: Gpt2Config,
    settings: TrainingSettings,
    weights: ReadonlyMap<string, Tensor>,
  ): Promise<Gpt2Training> {
    const model = await loadGpt2(ops, memoryStore('weights in training', weights), config)
    return new Gpt2Training(model, settings)
  }

  /** Continues from what `save` returned. */
  static async resume(
    ops: Backend,
    config: Gpt2Config,
    settings: TrainingSettings,
    { steps, tensors }: SavedTraining,
  ): Promise<Gpt2Training> {
    const weights = new Map([...tensors].filter(([name]) => allShapes(config).has(name)))
    const model = await loadGpt2(ops, memoryStore('checkpoint', weights), config)
    const moments: Tensor[] = []
    for (let moment; (moment = tensors.get(momentName(moments.length)));) moments.push(moment)
    return new Gpt2Training(model, settings, { steps, moments })
  }

  /** Steps taken. */
  get steps(): number {
    return this.#adam.steps
  }

  /**
   * One step against the gradient of the mean cross-entropy of all next tokens. texts: ids, at least two each
   * -> that mean in nats, before the step
   */
  async step(texts: readonly (readonly number[])[]): Promise<number> {
    const { model } = this
    const targets = texts.flatMap((ids) => [...ids.slice(1), 0])
    const share = 1 / (targets.length - texts.length)
    const weights = Float32Array.from(targets, () => share) // of each row's loss; a text's last row has no next token
    let end = 0
    for (const { length } of texts) weights[(end += length) - 1] = 0
    return record(model.ops, async (tape) => {
      let losses: DeviceTensor | undefined
      let loss = 0
      const readLosses = async (logits: DeviceTensor, ops: Backend) => {
        losses = await ops.crossEntropy(logits, targets)
        const { data } = await ops.download(losses)
        loss = data.reduce((sum, value, row) => sum + value * weights[row], 0)
      }
      await run({ ...model, ops: tape }, texts, { logits: readLosses })
      const parameters = parametersOf(model.weights)
      const given = tape.upload(Tensor.of([weights.length], weights))
      const gradients = await tape.backward(losses!, given, parameters)
      const all = parameters.map((parameter) => gradients.of(parameter))
      const scale = clipScale(await gradientLength(model.ops, all), this.#settings.longest)
      const rate = rateAt(this.steps, this.#settings)
      await this.#adam.step((parameter) => all[parameters.indexOf(parameter as never)], { rate, scale })
      return loss
    })
  }

  /** The weights as they are now, under their names in a checkpoint. */
  weights(): Promise<Map<string, Tensor>> {
    return readParameters(this.model.ops, this.model.weights)
  }

  /** Everything that `resume` needs to take the steps that would have come next. */
  async save(): Promise<SavedTraining> {
    const { steps, moments } = await this.#adam.save()
    const tensors = await this.weights()
    for (const [i, moment] of moments.entries()) tensors.set(momentName(i), moment)
    return { steps, tensors }
  }

  release(): void {
    this.#adam.release()
    releaseGpt2(this.model)
  }
}

const momentName = (i: number): string => `adam.${i}`
