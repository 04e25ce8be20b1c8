// Feature cards: what npm run feature finds, from files that the build made.
import type { SparseRows } from '../../../engine/sparse.ts'
import { parseJsonTexts } from '../../lab/texts/texts.ts'
import { explainFeatures, withNextLayer } from '../../lab/analysis/features/explain.ts'
import { firingTokens, type TokenText } from '../../lab/report/tokens.ts'
import type { Card, FeatureRef } from '../protocol.ts'
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
  async read({ layer, feature }: FeatureRef): Promise<Card> {
    const model = this.#model
    const sae = saeOf(model, { layer, feature }, 'card')
    const texts = await this.#texts()
    const pieces = texts.map((text) => text.pieces)
    const asked = { hook: sae.config.hookName, sae, features: await this.#activations(layer) }
    let explained = await explainFeatures(model, asked, [feature], pieces)
    const next = model.saes.at(layer + 1)
    if (next !== undefined)
      explained = withNextLayer(explained, {
        hook: next.config.hookName,
        features: await this.#activations(layer + 1),
      })
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
  #activations(layer: number): Promise<SparseRows> {
    const { activations } = this.#files.saes[layer]
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
