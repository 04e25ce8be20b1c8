import type { SparseRows } from '../../../engine/sparse.ts'
import { parseJsonTexts } from '../../lab/texts/texts.ts'
import { explainFeatures, withNextLayer } from '../../lab/analysis/features/explain.ts'
import { firingTokens, type TokenText } from '../../lab/report/tokens.ts'
import type { Card } from '../protocol.ts'
import { decodeSparse } from '../sparse-file.ts'
import { fetchFile, type FileFacts, type ModelFiles } from './files.ts'
import { saeOf, type Model } from './model.ts'
import { tokenize, shownTokens } from './tokens.ts'

/** Of the texts in which a feature fires, the strongest that the page shows. */
const TEXTS = 10

/** Reads features' cards; what a card needs of the bundled texts is fetched when first asked for, and kept. */
export class Cards {
  readonly #model: Model
  readonly #files: ModelFiles
  readonly #fetch: (facts: FileFacts) => Promise<Uint8Array<ArrayBuffer>>
  readonly #kept = new Map<FileFacts, Promise<unknown>>()

  constructor(model: Model, base: string, files: ModelFiles) {
    this.#model = model
    this.#files = files
    this.#fetch = (facts) => fetchFile(base, facts)
  }

  /** @throws Fault if there is no such feature, or a file is missing or damaged */
  async read(hook: string, feature: number): Promise<Card> {
    const model = this.#model
    const sae = saeOf(model, hook, feature, 'card')
    const hooks = [...model.saes.keys()]
    const next = hooks.at(hooks.indexOf(hook) + 1)
    const texts = await this.#texts()
    const pieces = texts.map((text) => text.pieces)
    const features = await this.#activations(hook)
    let explained = await explainFeatures(model, { hook, sae, features }, [feature], pieces)
    if (next !== undefined)
      explained = withNextLayer(explained, { hook: next, features: await this.#activations(next) })
    const [{ dashboard, column }] = explained
    const strongest = dashboard.firing_texts.slice(0, TEXTS).map(({ text: index, mean }) => {
      const text = texts[index]
      return { text, index, mean, firing: firingTokens(text.pieces, column[index]) }
    })
    return { dashboard, texts: strongest }
  }

  #texts(): Promise<TokenText[]> {
    return this.#once(this.#files.texts, (content) =>
      parseJsonTexts(new TextDecoder().decode(content)).map(({ category, text }) => ({
        category,
        pieces: shownTokens(this.#model, tokenize(this.#model, text)).map(({ piece }) => piece),
      })),
    )
  }

  /** An SAE's features on all tokens of the texts, sparse [tokens, d_sae]. */
  #activations(hook: string): Promise<SparseRows> {
    const { activations } = this.#files.saes[[...this.#model.saes.keys()].indexOf(hook)]
    return this.#once(activations, (content) => decodeSparse(activations.path, content))
  }

  /** A file that could not be had is asked for again. */
  #once<T>(facts: FileFacts, read: (content: Uint8Array<ArrayBuffer>) => T | Promise<T>): Promise<T> {
    const kept = this.#kept.get(facts) ?? this.#fetch(facts).then(read)
    this.#kept.set(facts, kept)
    kept.catch(() => this.#kept.delete(facts))
    return kept as Promise<T>
  }
}
