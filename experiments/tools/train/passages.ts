// Texts cut into what the model reads at once, and the order in which it reads them.
import { createRandom, seedOf } from '../../../engine/random.ts'
import { shuffled } from '../../../engine/train/schedule.ts'
import type { Ids } from '../../lab/texts/held-out.ts'

/**
 * The texts end to end, BOS between them, cut into passages of nCtx ids that each begin with BOS, as the model's texts
 * will; the last may be shorter. What a passage holds of an earlier text can be looked at, as when GPT-2 was trained.
 * texts: ids with BOS
 */
export function passagesOf(texts: readonly Ids[], nCtx: number): number[][] {
  const stream = texts.flat().slice(1)
  const [[bos]] = texts
  const own = nCtx - 1
  return Array.from({ length: Math.ceil(stream.length / own) }, (_, i) => [
    bos,
    ...stream.slice(i * own, (i + 1) * own),
  ])
}

/** Batches without end: every passage once in an order that the seed decides, then again in another order. */
export class Batches {
  readonly #passages: readonly Ids[]
  readonly #size: number
  readonly #seed: number
  #epoch = -1
  #order: Uint32Array = new Uint32Array()

  constructor(passages: readonly Ids[], size: number, seed: number) {
    this.#passages = passages
    this.#size = size
    this.#seed = seed
  }

  /** The batch of step number `step`, from 0, whatever was asked for before. */
  of(step: number): Ids[] {
    return Array.from({ length: this.#size }, (_, i) => this.#passage(step * this.#size + i))
  }

  #passage(n: number): Ids {
    const { length } = this.#passages
    const epoch = Math.floor(n / length)
    if (epoch !== this.#epoch) this.#order = shuffled(length, createRandom(seedOf(this.#seed, epoch + 1)))
    this.#epoch = epoch
    return this.#passages[this.#order[n % length]]
  }
}
