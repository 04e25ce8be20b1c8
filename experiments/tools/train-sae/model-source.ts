// What stands at a hook while the model reads texts, without end: the texts come again, in another order, when all were read.
import { createRandom, seedOf } from '../../../engine/random.ts'
import type { Tensor } from '../../../engine/tensor.ts'
import { shuffled } from '../../../engine/train/schedule.ts'
import { toBasis } from '../../../sae/basis.ts'
import type { SaeConfig } from '../../../sae/config.ts'
import { batches, captureStreams } from '../../lab/models/features.ts'
import type { OpenModel } from '../../lab/models/models.ts'
import { windowsOf } from '../../lab/models/windows.ts'
import type { Ids } from '../../lab/texts/held-out.ts'
import type { ActivationSource } from './train.ts'

/** Reads batches of passages; where it stands is a number. */
export class ModelSource implements ActivationSource {
  /** Batches read so far. */
  position: number
  readonly #model: OpenModel
  readonly #config: SaeConfig
  readonly #passages: readonly Ids[]
  readonly #seed: number
  #epoch = { number: -1, from: 0, batches: [] as Ids[][] }

  /** texts: ids with BOS */
  constructor(model: OpenModel, config: SaeConfig, texts: readonly Ids[], seed: number, position = 0) {
    this.#model = model
    this.#config = config
    this.#passages = texts.flatMap((text) => windowsOf(text, model.gpt2.config.nCtx).map(({ ids }) => ids))
    this.#seed = seed
    this.position = position
  }

  /** The next passages' tokens but BOS, on the SAE's basis. -> [tokens, d_in] */
  async next(): Promise<Tensor> {
    while (this.position >= this.#epoch.from + this.#epoch.batches.length) this.#nextEpoch()
    const passages = this.#epoch.batches[this.position - this.#epoch.from]
    this.position += 1
    const hook = this.#config.hookName
    const stream = (await captureStreams(this.#model.gpt2, passages, [hook])).get(hook)!
    let row = 0
    const rows = passages.flatMap(({ length }) => {
      const first = row
      row += length
      return Array.from({ length: length - 1 }, (_, i) => first + 1 + i)
    })
    let made: Tensor | undefined
    await this.#model.gpt2.ops.scope(async (ops) => {
      const x = await toBasis(ops, this.#config, hook, ops.upload(stream))
      made = await ops.download(await ops.takeRows(x, rows))
    })
    return made!
  }

  /** Every passage once, in an order that the seed and the epoch's number decide. */
  #nextEpoch(): void {
    const { number, from, batches: before } = this.#epoch
    const order = shuffled(this.#passages.length, createRandom(seedOf(this.#seed, number + 1)))
    this.#epoch = {
      number: number + 1,
      from: from + before.length,
      batches: batches(Array.from(order, (passage) => this.#passages[passage])),
    }
  }
}
