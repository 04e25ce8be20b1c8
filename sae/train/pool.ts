// The activations that batches are drawn from: a bounded number, so that a batch mixes many texts.
import type { Random } from '../../engine/random.ts'
import { Tensor } from '../../engine/tensor.ts'

/**
 * Rows wait here until they are drawn, each once. It is filled to `capacity` before each batch: neighbours in a text, which are
 * alike, then go into different batches.
 */
export class ActivationPool {
  readonly #width: number
  readonly #capacity: number
  #rows: Tensor // [at least count, width]
  #count: number

  /** width: numbers in a row; capacity: rows; saved [rows, width]: what it held */
  constructor(width: number, capacity: number, saved: Tensor = Tensor.zeros([0, width])) {
    this.#width = width
    this.#capacity = capacity
    this.#rows = saved
    this.#count = saved.shape[0]
  }

  get isFull(): boolean {
    return this.#count >= this.#capacity
  }

  /** The rows that wait. -> a view [rows, width] */
  get rows(): Tensor {
    return this.#rows.rows(0, this.#count)
  }

  /** rows [n, width]; the last ones may go beyond the capacity */
  add(rows: Tensor): void {
    const count = this.#count + rows.shape[0]
    if (count > this.#rows.shape[0]) {
      const larger = Tensor.zeros([Math.max(count, this.#capacity), this.#width])
      larger.data.set(this.rows.data)
      this.#rows = larger
    }
    this.#rows.data.set(rows.data, this.#count * this.#width)
    this.#count = count
  }

  /** Draws rows at random and takes them out. -> [count, width] @throws if fewer wait */
  take(count: number, random: Random): Tensor {
    if (count > this.#count) throw new Error(`pool: ${count} rows asked for, ${this.#count} wait`)
    const taken = Tensor.zeros([count, this.#width])
    for (let i = 0; i < count; i++) {
      const pick = random.index(this.#count)
      taken.row(i).set(this.#rows.row(pick))
      this.#count -= 1
      this.#rows.row(pick).set(this.#rows.row(this.#count))
    }
    return taken
  }
}
