// Feature cards: what npm run feature finds, from files that the build made.
import { piecesOf } from '../../../gpt2/pieces.ts'
import { parseJsonTexts } from '../../lab/texts/texts.ts'
import { explainFeatures, withNextLayer } from '../../lab/analysis/features/explain.ts'
import { firingTokens, type TokenText } from '../../lab/report/tokens.ts'
import type { Card, FeatureRef } from '../protocol.ts'
import { decodeSparse } from '../sparse-file.ts'
import type { ModelFiles } from './files.ts'
import { cardInCorpus, keptFiles } from './kept-files.ts'
import { saeOf, type Model } from './model.ts'
import { tokenize } from './tokens.ts'

/** Of the texts in which a feature fires, the strongest that the page shows. */
const TEXTS = 10

/** Files of cards from the corpus that are kept: the memory does not grow with the cards that were read. */
const KEPT_CHUNKS = 8

/**
 * Reads features' cards; what a card needs of the bundled texts is fetched when first asked for, and kept.
 * What it gives throws a Fault if there is no such feature, or a file is missing or damaged.
 */
export function cardReader(
  model: Model,
  base: string,
  files: ModelFiles,
): (ref: FeatureRef) => Promise<Card> {
  const once = keptFiles(base)
  const chunks = keptFiles(base, KEPT_CHUNKS)
  const bundledTexts = () => once(files.texts, (content) => readTexts(model, content))
  /** An SAE's features on all tokens of the texts, sparse [tokens, d_sae]. */
  const activations = (layer: number) => {
    const { activations: facts } = files.saes[layer]
    return once(facts, (content) => decodeSparse(facts.path, content))
  }
  return async ({ layer, feature }) => {
    const sae = saeOf(model, { layer, feature }, 'card')
    const texts = await bundledTexts()
    const pieces = texts.map((text) => text.pieces)
    const asked = { hook: sae.config.hookName, sae, features: await activations(layer) }
    let explained = await explainFeatures(model, asked, [feature], pieces)
    const next = model.saes.at(layer + 1)
    if (next !== undefined)
      explained = withNextLayer(
        explained,
        { hook: next.config.hookName, features: await activations(layer + 1) },
        pieces,
      )
    const [{ dashboard, column }] = explained
    const strongest = dashboard.firing_texts.slice(0, TEXTS).map(({ text: index, mean }) => {
      const text = texts[index]
      return { text, index, mean, firing: firingTokens(text.pieces, column[index]) }
    })
    const { corpus } = files
    const inCorpus = corpus && {
      facts: corpus.facts,
      card: await cardInCorpus(corpus, { layer, feature }, chunks),
    }
    return { dashboard, texts: strongest, inCorpus: inCorpus ?? null }
  }
}

function readTexts(model: Model, content: Uint8Array): TokenText[] {
  return parseJsonTexts(new TextDecoder().decode(content)).map(({ category, text }) => ({
    category,
    pieces: piecesOf(model, tokenize(model, text)),
  }))
}
