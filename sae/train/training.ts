// The training of one SAE, batch by batch, which can be saved at any step and resumed later.
import type { Backend, DeviceTensor } from '../../engine/backend.ts'
import { rulesOf } from '../../engine/backward.ts'
import { createRandom } from '../../engine/random.ts'
import type { SparseRows } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { AdamW, clipScale, gradientLength } from '../../engine/train/optimizer.ts'
import { rateAt, type Schedule } from '../../engine/train/schedule.ts'
import { scaledColumns, scaledRows } from '../../engine/weights/scaled.ts'
import { readTensor, sourceOf } from '../../engine/weights/weights.ts'
import type { SaeConfig } from '../config.ts'
import { trained, type TrainedName } from './all.ts'
import type { Architecture, LossSettings } from './architecture.ts'
import { movedThreshold } from './batchtopk.ts'
import { BatchLoss, type SaeGradients } from './loss.ts'
import {
  initialTensors,
  parametersOf,
  releaseTraining,
  startTraining,
  turned,
  type TrainingSae,
} from './weights.ts'

export interface TrainingSettings extends Schedule, Omit<LossSettings, 'dead'> {
  readonly architecture: TrainedName
  /** Steps over which what activity costs (l1, l0) rises from 0. */
  readonly costWarmUp: number
  /** A feature is dead if it was active on none of the last tokens, this many of them. */
  readonly deadAfter: number
}

/** How the batch of a step went. */
export interface StepResult {
  readonly loss: number
  /** Mean number of active features per token. */
  readonly l0: number
  /** 1 - sum |x - x_hat|^2 / sum |x - mean(x)|^2, over this batch. */
  readonly explainedVariance: number
  readonly deadFeatures: number
}

/** SAELens clips the gradient to this length. */
const LONGEST_GRADIENT = 1

/** Counts of tokens are saved as float32, which is exact up to here. */
const MOST_TOKENS = 2 ** 24

/** What a training goes on from. */
export interface SavedTraining {
  readonly steps: number
  /** BatchTopK's, of all features. */
  readonly threshold: number
  /** Weights, both moments of each, and what is counted. */
  readonly tensors: ReadonlyMap<string, Tensor>
}

/** An SAE, its optimiser, and what is counted on the way. */
export class SaeTraining {
  readonly sae: TrainingSae
  readonly #architecture: Architecture
  readonly #settings: TrainingSettings
  readonly #adam: AdamW
  /** Of each feature: how many tokens have passed since it was active. */
  readonly #idle: Float32Array
  #threshold: number

  private constructor(sae: TrainingSae, settings: TrainingSettings, saved: SavedTraining) {
    const { steps, tensors, threshold } = saved
    this.sae = sae
    this.#architecture = trained[settings.architecture]
    this.#settings = settings
    const names = [...parametersOf(sae).keys()].flatMap(momentNames)
    const moments = names.map((name) => tensors.get(name)).filter((moment) => moment !== undefined)
    const state = steps > 0 ? { steps, moments } : undefined
    this.#adam = new AdamW(sae.ops, [...parametersOf(sae).values()], {}, state)
    this.#idle = tensors.get('idle')!.data.slice()
    this.#threshold = threshold
  }

  /** config: of what it is saved as, but for an SAE's `inputScale` */
  static begin(
    ops: Backend,
    config: SaeConfig,
    settings: TrainingSettings,
    seed: number,
  ): Promise<SaeTraining> {
    const { vectors } = trained[settings.architecture]
    const tensors = initialTensors(config, vectors, createRandom(seed)).set(
      'idle',
      Tensor.zeros([config.dSae]),
    )
    return SaeTraining.resume(ops, config, settings, { steps: 0, threshold: 0, tensors })
  }

  /** Continues from what `save` returned. @throws naming a tensor that is missing */
  static async resume(
    ops: Backend,
    config: SaeConfig,
    settings: TrainingSettings,
    saved: SavedTraining,
  ): Promise<SaeTraining> {
    const named = (name: string): Tensor => {
      const found = saved.tensors.get(name)
      if (!found) throw new Error(`training: cannot resume: there is no tensor ${name}`)
      return found
    }
    named('idle')
    const { vectors, selection } = trained[settings.architecture]
    const has = { vectors: Object.keys(vectors), selection: selection?.(settings.k) }
    const sae = await startTraining(ops, config, named, has)
    if (saved.steps > 0) for (const name of [...parametersOf(sae).keys()].flatMap(momentNames)) named(name)
    return new SaeTraining(sae, settings, saved)
  }

  /** Steps taken. */
  get steps(): number {
    return this.#adam.steps
  }

  /** The loss of a batch and its gradients. x [rows, d_in], on the SAE's basis; `ops`: of the scope that they live in */
  async gradients(ops: Backend, x: DeviceTensor): Promise<SaeGradients> {
    const { gradients } = this.#architecture
    const { l1, l0, costWarmUp } = this.#settings
    const risen = costWarmUp === 0 ? 1 : Math.min(1, (this.steps + 1) / costWarmUp)
    const now = { ...this.#settings, l1: risen * l1, l0: risen * l0, dead: this.#dead() }
    return gradients(await BatchLoss.begin(ops, this.sae, x), now)
  }

  /** Moves the SAE by one batch, against the gradients of its loss, clipped. x [rows, d_in], on the SAE's basis and scaled as it is trained */
  async step(x: Tensor): Promise<StepResult> {
    const [rows] = x.shape
    let result: SaeGradients | undefined
    await this.sae.ops.scope(async (ops) => {
      result = await this.gradients(ops, ops.upload(x))
      const all = [...parametersOf(this.sae).values()].map(result.of)
      const length = result.scale * (await gradientLength(ops, all))
      const rate = rateAt(this.steps, this.#settings)
      await this.#adam.step(result.of, { rate, scale: result.scale * clipScale(length, LONGEST_GRADIENT) })
    })
    const { loss, squaredError, features } = result!
    await this.#project()
    this.#count(features)
    if (this.#architecture.learnsThreshold) this.#threshold = movedThreshold(this.#threshold, features)
    return {
      loss,
      l0: features.values.length / rows,
      explainedVariance: 1 - (squaredError * rows) / squaresAboutMean(x),
      deadFeatures: this.#dead().length,
    }
  }

  async #project(): Promise<void> {
    const { ops, vectors } = this.sae
    for (const name of this.#architecture.notBelowZero ?? []) {
      const vector = vectors.get(name)!
      rulesOf(ops).write(
        vector,
        (await ops.download(vector)).data.map((value) => Math.max(0, value)),
      )
    }
  }

  #dead(): number[] {
    return Array.from(this.#idle.keys()).filter((j) => this.#idle[j] >= this.#settings.deadAfter)
  }

  #count({ shape: [rows], indices }: SparseRows): void {
    for (let j = 0; j < this.#idle.length; j++) this.#idle[j] = Math.min(MOST_TOKENS, this.#idle[j] + rows)
    for (const j of indices) this.#idle[j] = 0
  }

  /** The weights as they are now, under their names in the file of an SAE of this config. */
  async weights(): Promise<Map<string, Tensor>> {
    const { learnsThreshold } = this.#architecture
    const weights = await this.#parameters()
    weights.set('W_enc', turned(weights.get('W_enc')!))
    if (learnsThreshold)
      weights.set(
        'threshold',
        Tensor.of(
          [this.#idle.length],
          this.#idle.map(() => this.#threshold),
        ),
      )
    if (!this.sae.config.scalesByDecoderNorm) return weights
    const lengths = Float32Array.from(await rulesOf(this.sae.ops).rowLengths(this.sae.W_dec))
    const source = (name: string) => sourceOf(name, weights.get(name)!)
    for (const name of ['W_enc', 'b_enc'])
      weights.set(name, await readTensor(scaledColumns(source(name), lengths)))
    const shortened = scaledRows(
      source('W_dec'),
      lengths.map((length) => 1 / length),
    )
    return weights.set('W_dec', await readTensor(shortened))
  }

  async #parameters(): Promise<Map<string, Tensor>> {
    const { ops } = this.sae
    const read = new Map<string, Tensor>()
    for (const [name, parameter] of parametersOf(this.sae))
      read.set(
        name,
        'shape' in parameter
          ? await ops.download(parameter)
          : (await rulesOf(ops).readWeights(parameter)).weight,
      )
    return read
  }

  /** Everything that `resume` needs to take the steps that would have come next. */
  async save(): Promise<SavedTraining> {
    const { steps, moments } = await this.#adam.save()
    const tensors = await this.#parameters()
    const names = [...tensors.keys()].flatMap(momentNames)
    for (const [i, name] of names.entries()) tensors.set(name, moments[i])
    tensors.set('idle', Tensor.of([this.#idle.length], this.#idle))
    return { steps, threshold: this.#threshold, tensors }
  }

  release(): void {
    this.#adam.release()
    releaseTraining(this.sae)
  }
}

/** Of a parameter, in the optimiser's order. */
const momentNames = (name: string): string[] => [`${name}.mean`, `${name}.square`]

/** The sum of |x - mean(x)|^2, the mean taken over rows. */
function squaresAboutMean(x: Tensor): number {
  const [rows, width] = x.shape
  const [sums, squares] = [new Float64Array(width), new Float64Array(width)]
  for (let row = 0; row < rows; row++)
    for (let i = 0; i < width; i++) {
      const value = x.data[row * width + i]
      sums[i] += value
      squares[i] += value * value
    }
  return squares.reduce((total, square, i) => total + square - sums[i] ** 2 / rows, 0)
}
