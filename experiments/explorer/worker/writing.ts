// Continues a text with the model as it is and with an edit, one token of each in turn.
import { generate } from '../../../gpt2/generate.ts'
import type { Change } from '../../lab/models/changes.ts'
import type { Ending, Sampling, Side, Token } from '../protocol.ts'
import { checkEdit, editHooks } from './edit-hooks.ts'
import type { Model } from './model.ts'
import { tokenize } from './tokens.ts'

/** One continuation under way. */
interface Pen {
  readonly side: Side
  readonly ids: AsyncGenerator<number, void>
  readonly decode: (id: number) => string
  ended: Ending | null
}

/** Both continuations of a text. With the same seed each is what `npm run generate` writes. */
export class Writing {
  readonly id: number
  readonly #model: Model
  readonly #room: number
  readonly #pens: readonly Pen[]
  #made = 0

  private constructor(id: number, model: Model, room: number, pens: readonly Pen[]) {
    this.id = id
    this.#model = model
    this.#room = room
    this.#pens = pens
  }

  /**
   * Nothing is written before the first step.
   * @throws Fault for a text that is too long, or if there is no such feature, head or neuron
   */
  static async begin(
    id: number,
    model: Model,
    text: string,
    edit: readonly Change[],
    { temperature, topK, topP, seed }: Sampling,
  ): Promise<Writing> {
    checkEdit(model, edit)
    const prompt = tokenize(model, text)
    const { nCtx } = model.gpt2.config
    const sides: Side[] = edit.length > 0 ? ['plain', 'edited'] : ['plain']
    const pens = sides.map(async (side): Promise<Pen> => {
      const hooks = side === 'plain' ? {} : await editHooks(model, edit)
      // As many as there can ever be: whoever asks counts the steps, and may go on.
      const options = { temperature, topK: topK ?? undefined, topP, seed, hooks }
      const decode = model.tokenizer.stream()
      for (const id of prompt.slice(1)) decode(id)
      return { side, ids: generate(model.gpt2, prompt, nCtx, options), decode, ended: null }
    })
    return new Writing(id, model, nCtx - prompt.length, await Promise.all(pens))
  }

  /** One more token on each side, reported as it is made. -> whether any side can still go on */
  async step(tell: (side: Side, token: Token) => void): Promise<boolean> {
    for (const pen of this.#pens) {
      if (pen.ended !== null) continue
      const { value: id } = await pen.ids.next()
      if (id === undefined) pen.ended = this.#made > this.#room ? 'full' : 'end'
      else tell(pen.side, { id, piece: pen.decode(id), shown: this.#model.nameOf(id) })
    }
    this.#made++
    return this.#pens.some(({ ended }) => ended === null)
  }

  /** How each side stands: null where it can go on. */
  endings(): Partial<Record<Side, Ending | null>> {
    return Object.fromEntries(this.#pens.map(({ side, ended }) => [side, ended]))
  }

  /** Frees its memory; it cannot go on afterwards. */
  async close(): Promise<void> {
    for (const { ids } of this.#pens) await ids.return()
  }
}
