// More features than dimensions: a toy that squeezes five numbers through a plane and reads them back, and how it learns.
import { createRandom, type Random } from '../../../../engine/random.ts'

/*
 * The toy model of "Toy Models of Superposition" (Elhage et al. 2022): h = W x, x' = ReLU(Wᵀ h + b), with the same W both
 * ways. A feature is absent, and its number 0, or present with a strength between 0 and 1. The loss is the squared error, each
 * feature's times its importance.
 *
 * The gradient is written out here: it is what a tape (engine/tape.ts) would do, line by line. No op of the engine reads one
 * matrix both ways, and a step on a tape of the reference backend, with two matrices, took five times as long.
 */

export const FEATURES = 5
/** Rows in a step's batch; each step draws its own. */
const BATCH = 256
/** Steps in a whole training. */
export const STEPS = 2000
/** The learning rate until half of the steps are taken; from there it falls to 0. */
const RATE = 0.02

export interface Toy {
  /** Each feature's arrow in the plane: the columns of the paper's W. [FEATURES, 2] */
  readonly W: Float64Array
  /** [FEATURES] */
  readonly b: Float64Array
}

/** What the toy has to learn, and where it starts. */
export interface ToySettings {
  /** The probability that a feature is present, 0 to 1. */
  readonly present: number
  /** How much each feature matters, as a multiple of the one before it. */
  readonly decay: number
  readonly seed: number
}

/** From features that are always present to rare ones: what the command tries, and where the Explorer's slider stops. */
export const PRESENT = [1, 0.7, 0.5, 0.3, 0.2, 0.1, 0.05, 0.03]

/** 1, decay, decay², ... [FEATURES] */
export function importances(decay: number): Float64Array {
  const importance = new Float64Array(FEATURES)
  for (let i = 0; i < FEATURES; i++) importance[i] = i === 0 ? 1 : importance[i - 1] * decay
  return importance
}

/**
 * The loss of one row. x, importance [FEATURES]. Its gradient is added to `gradient`, if one is given: below each line of the
 * forward pass stands, as dSomething, how the loss changes with that line's result.
 */
export function lossOf({ W, b }: Toy, x: Float64Array, importance: Float64Array, gradient?: Toy): number {
  let [h0, h1] = [0, 0]
  for (let i = 0; i < FEATURES; i++) {
    h0 += W[2 * i] * x[i]
    h1 += W[2 * i + 1] * x[i]
  }
  let loss = 0
  let [dH0, dH1] = [0, 0]
  for (let i = 0; i < FEATURES; i++) {
    const z = W[2 * i] * h0 + W[2 * i + 1] * h1 + b[i]
    const error = Math.max(0, z) - x[i]
    loss += importance[i] * error * error
    if (gradient === undefined || z <= 0) continue // ReLU: below 0 nothing changes
    const dZ = 2 * importance[i] * error
    gradient.b[i] += dZ
    gradient.W[2 * i] += dZ * h0
    gradient.W[2 * i + 1] += dZ * h1
    dH0 += dZ * W[2 * i]
    dH1 += dZ * W[2 * i + 1]
  }
  if (gradient === undefined) return loss
  for (let i = 0; i < FEATURES; i++) {
    gradient.W[2 * i] += dH0 * x[i] // W was used twice, and gets a gradient from both uses
    gradient.W[2 * i + 1] += dH1 * x[i]
  }
  return loss
}

/** A training under way. The same settings give the same bits on every machine: only +, -, x, / and roots are taken. */
export class ToyTraining {
  readonly settings: ToySettings
  /** Changes with every step. */
  readonly toy: Toy
  readonly #numbers = new Float64Array(3 * FEATURES)
  readonly #gradient = new Float64Array(3 * FEATURES)
  readonly #mean = new Float64Array(3 * FEATURES)
  readonly #square = new Float64Array(3 * FEATURES)
  readonly #importance: Float64Array
  readonly #random: Random
  #steps = 0
  /** beta1 and beta2 of Adam, to the power of `steps`. */
  readonly #powers: [number, number] = [1, 1]

  constructor(settings: ToySettings) {
    this.settings = settings
    this.#importance = importances(settings.decay)
    this.#random = createRandom(settings.seed)
    this.toy = split(this.#numbers)
    for (let i = 0; i < this.toy.W.length; i++) this.toy.W[i] = this.#random.number() - 0.5
  }

  get steps(): number {
    return this.#steps
  }

  get done(): boolean {
    return this.#steps >= STEPS
  }

  /** One step against the gradient of a fresh batch; none once it is done. */
  step(): void {
    if (this.done) return
    const gradient = split(this.#gradient.fill(0))
    const x = new Float64Array(FEATURES)
    for (let row = 0; row < BATCH; row++) {
      for (let i = 0; i < FEATURES; i++)
        x[i] = this.#random.number() < this.settings.present ? this.#random.number() : 0
      lossOf(this.toy, x, this.#importance, gradient)
    }
    const rate = RATE * Math.min(1, 2 * (1 - this.#steps / STEPS))
    this.#steps += 1
    this.#adam(rate)
  }

  /** As engine/reference/adam.ts, without weight decay. */
  #adam(rate: number): void {
    const [beta1, beta2] = [0.9, 0.999]
    this.#powers[0] *= beta1
    this.#powers[1] *= beta2
    const [mean, square] = [this.#mean, this.#square]
    for (const [i, sum] of this.#gradient.entries()) {
      const slope = sum / BATCH
      mean[i] = beta1 * mean[i] + (1 - beta1) * slope
      square[i] = beta2 * square[i] + (1 - beta2) * slope * slope
      const [m, v] = [mean[i] / (1 - this.#powers[0]), square[i] / (1 - this.#powers[1])]
      this.#numbers[i] -= (rate * m) / (Math.sqrt(v) + 1e-8)
    }
  }
}

/** The toy trained to the end. */
export function trainToy(settings: ToySettings): Toy {
  const training = new ToyTraining(settings)
  while (!training.done) training.step()
  return training.toy
}

/** W and b as views of one array. */
function split(numbers: Float64Array): Toy {
  return { W: numbers.subarray(0, 2 * FEATURES), b: numbers.subarray(2 * FEATURES) }
}
