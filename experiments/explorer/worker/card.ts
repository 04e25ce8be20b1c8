// Feature cards: what npm run feature finds, from files made by the build.
import type { SparseRows } from '../../../engine/sparse.ts'
import { bosOf } from '../../../gpt2/config.ts'
import { piecesOf } from '../../../gpt2/pieces.ts'
import { parseJsonTexts } from '../../lab/texts/texts.ts'
import { captureStreams, encodeStream } from '../../lab/models/features.ts'
import { explainFeatures, withNextLayer } from '../../lab/analysis/features/explain.ts'
import { firingTokens, type TokenText } from '../../lab/report/tokens.ts'
import type { FeatureRef } from '../../lab/models/changes.ts'
import type { Card } from '../protocol.ts'
import { decodeSparse } from '../sparse-file.ts'
import { checkEdit } from './edit-hooks.ts'
import type { ModelFiles } from './files.ts'
import { cardInCorpus, keptFiles } from './kept-files.ts'
import type { Model, OnProgress } from './model.ts'
import { encodeText } from './tokens.ts'

/** How many of the texts in which a feature fires, strongest first, the page shows. */
const TEXTS = 10

/** How many files of corpus cards are kept, so that memory does not grow with the cards that were read. */
const KEPT_CHUNKS = 8

/**
 * Reads features' cards; what a card needs of the bundled texts is fetched when first asked for, and kept. For a person's own model
 * it is computed: then `onProgress` is told how far that has got.
 * The returned function throws a Fault if there is no such feature, or a file is missing or damaged.
 */
export function cardReader(
  model: Model,
  base: string,
  files: ModelFiles,
  onProgress?: OnProgress,
): (ref: FeatureRef) => Promise<Card> {
  const once = keptFiles(base)
  const chunks = keptFiles(base, KEPT_CHUNKS)
  const bundledTexts = () => once(files.texts, (content) => readTexts(model, content))
  let found: Promise<(SparseRows | undefined)[]> | undefined
  /** An SAE's features on all tokens of the texts, sparse [tokens, d_sae]. */
  const activations = async (layer: number): Promise<SparseRows> => {
    if (onProgress) {
      found ??= bundledTexts().then((texts) => findFeatures(model, texts, onProgress))
      found.catch(() => (found = undefined))
      return (await found)[layer]!
    }
    const { activations: facts } = files.saes[layer]
    return once(facts, (content) => decodeSparse(facts.path, content))
  }
  return async ({ layer, feature }) => {
    checkEdit(model, [{ kind: 'off', layer, feature }], 'card')
    const sae = model.saes[layer]!
    const texts = await bundledTexts()
    const pieces = texts.map(({ text }) => text.pieces)
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
      const { text } = texts[index]
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

/** A text with its ids, BOS first. */
interface ReadText {
  readonly text: TokenText
  readonly ids: readonly number[]
}

/** A text that is longer than the model reads goes through it in windows, as on the command line. */
function readTexts(model: Model, content: Uint8Array): ReadText[] {
  return parseJsonTexts(new TextDecoder().decode(content)).map(({ category, text }) => {
    const ids = [bosOf(model.gpt2.config), ...encodeText(model, text)]
    return { ids, text: { category, pieces: piecesOf(model, ids) } }
  })
}

/** What the build does for the bundled model: every SAE's features on all texts, by layer. */
async function findFeatures(model: Model, texts: readonly ReadText[], onProgress: OnProgress) {
  const hooks = model.saes.flatMap((sae) => sae?.config.hookName ?? [])
  const tell = (done: number) => onProgress('reading the bundled texts', done, texts.length)
  const ids = texts.map((text) => text.ids)
  const streams = await captureStreams(model.gpt2, ids, hooks, tell)
  const found: (SparseRows | undefined)[] = []
  for (const sae of model.saes)
    found.push(sae && (await encodeStream(model.gpt2.ops, sae, streams.get(sae.config.hookName)!)))
  return found
}
