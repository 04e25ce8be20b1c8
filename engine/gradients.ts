// Gradients as they accumulate on the way back through a tape.
import type { Backend, DeviceTensor } from './backend.ts'
import { likeGradient, rulesOf, type WeightGradient, type Weights } from './backward.ts'
import type { SparseRows } from './sparse.ts'
import { numbersLike, showShape, type Shape } from './tensor.ts'

/** What a gradient can be asked for. */
export type Source = DeviceTensor | SparseRows | Weights
/** Of a tensor, a tensor of its shape; of sparse rows, a number for each entry. */
export type Gradient = DeviceTensor | Float32Array

/** The result of `backward`, which lives as long as the tape. Asking for something that was not a source is an error. */
export interface Gradients {
  /** The gradient of a tensor at any point of a pass, e.g. at a hook. Zeros where the output does not depend on it. */
  at(x: DeviceTensor): DeviceTensor
  /** Of sparse rows, a number for each entry. */
  entries(f: SparseRows): Float32Array
  /** Of prepared weights, by their handle: summed over all their uses. */
  of(weights: Weights): WeightGradient
}

/** How the tape knows tensors that share memory. */
export interface Identity {
  rootOf<X extends object>(x: X): X
  reshape(x: DeviceTensor, shape: Shape): DeviceTensor
}

export class GatheredGradients implements Gradients {
  readonly #ops: Backend
  readonly #asked: ReadonlySet<object>
  readonly #identity: Identity
  /** The gradient that the caller gave for the output: never freed here. */
  readonly #given: DeviceTensor
  readonly #found = new Map<object, Gradient>()
  readonly #ofWeights = new Map<Weights, WeightGradient>()

  constructor(ops: Backend, asked: ReadonlySet<object>, given: DeviceTensor, identity: Identity) {
    this.#ops = ops
    this.#asked = asked
    this.#given = given
    this.#identity = identity
  }

  at(x: DeviceTensor): DeviceTensor {
    const found = this.#get(x) as DeviceTensor | undefined
    return found ? this.#identity.reshape(found, x.shape) : this.#zeros(x.shape)
  }

  entries(f: SparseRows): Float32Array {
    return (this.#get(f) as Float32Array | undefined) ?? numbersLike(f.values, f.values.length)
  }

  of(weights: Weights): WeightGradient {
    this.#checkAsked(weights)
    const gradient = this.#ofWeights.get(weights) ?? likeGradient(weights, (shape) => this.#zeros(shape))
    this.#ofWeights.set(weights, gradient)
    return gradient
  }

  /** Adds to what has reached x. */
  async add(x: DeviceTensor | SparseRows, part: Gradient): Promise<void> {
    const before = this.#found.get(x)
    if (part instanceof Float32Array || part instanceof Float64Array) {
      const numbers = part as Float32Array
      const sums = before as Float32Array | undefined
      this.#found.set(x, sums ? numbers.map((value, entry) => value + sums[entry]) : numbers)
      return
    }
    const shaped = this.#identity.reshape(part, x.shape)
    if (!before) return void this.#found.set(x, shaped)
    this.#found.set(x, await this.#ops.add(before as DeviceTensor, shaped))
    for (const old of [before, shaped]) this.drop(old)
  }

  /** All that has reached x; it is forgotten here unless it was asked for. */
  take(x: object): Gradient | undefined {
    const gradient = this.#found.get(x)
    if (!this.#asked.has(x)) this.#found.delete(x)
    return gradient
  }

  /** Frees a gradient's memory, unless something else stands on it. */
  drop(gradient: Gradient): void {
    if (!('shape' in gradient)) return
    const root = this.#identity.rootOf(gradient)
    const held = [this.#given, ...this.#found.values()].some((other) => this.#identity.rootOf(other) === root)
    if (!held) this.#ops.release(root)
  }

  #get(x: DeviceTensor | SparseRows): Gradient | undefined {
    const root = this.#identity.rootOf(x)
    this.#checkAsked(root)
    return this.#found.get(root)
  }

  #checkAsked(x: object): void {
    if (this.#asked.has(x)) return
    const what = 'shape' in x ? `the tensor ${showShape(x.shape as Shape)} was` : 'these weights were'
    throw new Error(`gradients: ${what} not among backward’s sources: name what you ask for there`)
  }

  #zeros(shape: Shape): DeviceTensor {
    return rulesOf(this.#ops).zeros(shape, this.#given)
  }
}
