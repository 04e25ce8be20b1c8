// The training of one SAE, batch by batch, which can be saved at any step and gone on with later.
import type { Backend } from '../../engine/backend.ts'
import { rulesOf } from '../../engine/backward.ts'
import { createRandom } from '../../engine/random.ts'
import type { SparseRows } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { memoryStore } from '../../engine/weights/weights.ts'
import { AdamW } from '../../engine/train/optimizer.ts'
import { rateAt, type Schedule } from '../../engine/train/schedule.ts'
import type { SaeConfig } from '../config.ts'
import { loadSae, releaseSae, saeShapes, type Sae } from '../weights.ts'
import { initialSae } from './initial.ts'
import { parametersOf, standardStep } from './standard.ts'
import { topkStep } from './topk.ts'

export interface TrainingSettings extends Schedule {
  /** What a standard SAE pays for a feature's activation, once it has risen: see standard.ts. */
  readonly l1: number
  /** Steps over which that cost rises from 0. */
  readonly l1WarmUp: number
  /** A feature is dead that was active on none of the last so many tokens. */
  readonly deadAfter: number
}

/** The architectures that can be trained. */
export const TRAINED = ['standard', 'topk'] as const

/** How the batch of a step went. */
export interface StepResult {
  readonly loss: number
  /** Mean number of active features a token. */
  readonly l0: number
  /** 1 - sum |x - x_hat|^2 / sum |x - mean(x)|^2, over this batch. */
  readonly explainedVariance: number
  readonly deadFeatures: number
}

/** SAELens clips the gradient to this length. */
const LONGEST_GRADIENT = 1

/** Counts of tokens are saved as float32, which is exact up to here. */
const MOST_TOKENS = 2 ** 24

/** An SAE, its optimiser, and what is counted on the way. */
export class SaeTraining {
  readonly sae: Sae
  readonly #settings: TrainingSettings
  readonly #adam: AdamW
  /** Of each feature: how many tokens have passed since it was active. */
  readonly #idle: Float32Array

  private constructor(sae: Sae, settings: TrainingSettings, adam: AdamW, idle: Float32Array) {
    this.sae = sae
    this.#settings = settings
    this.#adam = adam
    this.#idle = idle
  }

  static async begin(
    ops: Backend,
    config: SaeConfig,
    settings: TrainingSettings,
    seed: number,
  ): Promise<SaeTraining> {
    if (!TRAINED.some((name) => name === config.architecture))
      throw new Error(
        `training: ${config.architecture} SAEs are not trained yet: take ${TRAINED.join(' or ')}`,
      )
    const sae = await initialSae(ops, config, createRandom(seed))
    return new SaeTraining(sae, settings, new AdamW(ops, parametersOf(sae)), new Float32Array(config.dSae))
  }

  /** Goes on from what `save` gave. */
  static async resume(
    ops: Backend,
    config: SaeConfig,
    settings: TrainingSettings,
    { steps, tensors }: SavedTraining,
  ): Promise<SaeTraining> {
    const named = (name: string): Tensor => {
      const found = tensors.get(name)
      if (!found) throw new Error(`training: there is no tensor ${name} to go on from`)
      return found
    }
    const names = [...saeShapes(config).keys()]
    const weights = new Map(names.map((name) => [name, named(name)]))
    const sae = await loadSae(ops, memoryStore('checkpoint', weights), config)
    const moments = Array.from({ length: MOMENTS }, (_, i) => named(momentName(i)))
    const adam = new AdamW(ops, parametersOf(sae), {}, { steps, moments })
    return new SaeTraining(sae, settings, adam, named('idle').data)
  }

  /** Steps taken. */
  get steps(): number {
    return this.#adam.steps
  }

  /** One step. x [rows, d_in], on the SAE's basis and scaled as it is trained */
  async step(x: Tensor): Promise<StepResult> {
    const [rows] = x.shape
    const step = { rate: rateAt(this.steps, this.#settings), longest: LONGEST_GRADIENT }
    const given = this.sae.ops.upload(x)
    const { loss, squaredError, features } =
      this.sae.config.architecture === 'topk'
        ? await topkStep(this.sae, this.#adam, given, { ...step, dead: this.#dead() })
        : await standardStep(this.sae, this.#adam, given, { ...step, l1: this.#l1() })
    this.sae.ops.release(given)
    this.#count(features)
    return {
      loss,
      l0: features.values.length / rows,
      explainedVariance: 1 - (squaredError * rows) / squaresAboutMean(x),
      deadFeatures: this.#dead().length,
    }
  }

  /** What activity costs now. */
  #l1(): number {
    const { l1, l1WarmUp } = this.#settings
    return l1WarmUp === 0 ? l1 : l1 * Math.min(1, (this.steps + 1) / l1WarmUp)
  }

  #dead(): number[] {
    return Array.from(this.#idle.keys()).filter((j) => this.#idle[j] >= this.#settings.deadAfter)
  }

  #count({ shape: [rows], indices }: SparseRows): void {
    for (let j = 0; j < this.#idle.length; j++) this.#idle[j] = Math.min(MOST_TOKENS, this.#idle[j] + rows)
    for (const j of indices) this.#idle[j] = 0
  }

  /** The weights as they are now, under their names in an SAE's file. */
  async weights(): Promise<Map<string, Tensor>> {
    const { ops, encoder, W_dec, b_dec } = this.sae
    const rules = rulesOf(ops)
    const { weight, bias } = await rules.readWeights(encoder)
    return new Map([
      ['W_enc', weight],
      ['b_enc', bias!],
      ['W_dec', (await rules.readWeights(W_dec)).weight],
      ['b_dec', await ops.download(b_dec)],
    ])
  }

  /** All that `resume` needs to take the same steps that would have come next. */
  async save(): Promise<SavedTraining> {
    const { steps, moments } = await this.#adam.save()
    const tensors = await this.weights()
    for (const [i, moment] of moments.entries()) tensors.set(momentName(i), moment)
    tensors.set('idle', Tensor.of([this.#idle.length], this.#idle))
    return { steps, tensors }
  }

  release(): void {
    this.#adam.release()
    releaseSae(this.sae)
  }
}

export interface SavedTraining {
  readonly steps: number
  readonly tensors: ReadonlyMap<string, Tensor>
}

/** Mean and square of W_enc, b_enc, W_dec and b_dec. */
const MOMENTS = 8
const momentName = (i: number): string => `adam.${i}`

/** The sum of |x - mean(x)|^2, the mean taken over rows. */
function squaresAboutMean(x: Tensor): number {
  const [rows, width] = x.shape
  const [sums, squares] = [new Float64Array(width), new Float64Array(width)]
  for (let row = 0; row < rows; row++)
    for (const [i, value] of x.row(row).entries()) {
      sums[i] += value
      squares[i] += value * value
    }
  return squares.reduce((total, square, i) => total + square - sums[i] ** 2 / rows, 0)
}
