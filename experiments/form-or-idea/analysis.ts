// From token ids to each layer's results: how alike the cells are, and which features stand for a topic or a form.
import { piecesOf } from '../../gpt2/pieces.ts'
import type { SparseRows } from '../../engine/sparse.ts'
import { strongestTokens } from '../lab/analysis/features/strongest-tokens.ts'
import { meanFeatures } from '../../sae/pooling.ts'
import { explainLayers, type ExplainedLayer } from '../lab/analysis/features/explain-layers.ts'
import type { Shuffles } from '../lab/analysis/null-model.ts'
import { mean } from '../lab/analysis/statistics.ts'
import { thresholdAt, type ThresholdSpec } from '../lab/analysis/threshold.ts'
import { featureColumns } from '../lab/models/features.ts'
import type { OpenLayer } from '../lab/models/layers.ts'
import type { OpenModel } from '../lab/models/models.ts'
import { labelsOf, type Design } from './design.ts'
import type { LayerResult, LocatedSpecialist, Resemblance, Transfer } from './layer-result.ts'
import { meanByRelation, testCosines, topOverlap } from './similarity.ts'
import { cellSpecialists, findSpecialists, wholeSpecialists, type Share } from './specialists.ts'
import { symbolShare, tokenKinds, type TokenKind } from './token-kinds.ts'

/** What is drawn, and how many of a cell's strongest features are held against another's. */
interface Settings extends Shuffles {
  readonly top: number
}

/**
 * The design's texts at each hook, with the specialists of whole topics and forms explained.
 * @param ids of the texts, with BOS
 */
export async function analyseModel(
  model: OpenModel,
  ids: readonly (readonly number[])[],
  hooks: readonly string[],
  design: Design,
  settings: LayerSettings & { quiet: boolean },
): Promise<ExplainedLayer<LayerResult>[]> {
  const kinds = ids.map((text) => tokenKinds(piecesOf(model, text)))
  return explainLayers(model, ids, hooks, settings.quiet, (layer) => {
    const result = analyseLayer(layer, kinds, design, settings)
    const named = wholeSpecialists(result.specialists).map(({ feature }) => feature)
    return { result, named: [...new Set(named)] }
  })
}

/** means: sparse [texts, width], rows as in the design */
export function compareCells(means: SparseRows, design: Design, settings: Settings): Resemblance {
  const { statistics, matrix } = testCosines(means, design, settings)
  const overlaps = topOverlap(means, design, settings.top)
  const { cells } = design
  const rows = (flat: Float64Array): number[][] =>
    Array.from({ length: cells }, (_, row) => [...flat.subarray(row * cells, (row + 1) * cells)])
  return {
    cosine: statistics,
    jaccard: { ...meanByRelation(overlaps, design), top: settings.top },
    cosines: rows(matrix),
    overlaps: rows(overlaps),
  }
}

/**
 * The texts as counts of their tokens, by the token's id: what two texts have in common before any model reads them.
 * ids: with BOS, which is left out -> sparse [texts, vocabulary]
 */
export function tokenShares(ids: readonly (readonly number[])[], vocabulary: number): SparseRows {
  const flat = Uint32Array.from(ids.flat())
  const oneHot: SparseRows = {
    shape: [flat.length, vocabulary],
    offsets: Uint32Array.from({ length: flat.length + 1 }, (_, row) => row),
    indices: flat,
    values: new Float32Array(flat.length).fill(1),
  }
  return meanFeatures(
    oneHot,
    ids.map((text) => text.length),
  )
}

interface LayerSettings extends Settings {
  readonly threshold: ThresholdSpec
}

interface Pieces {
  /** Of each text a string a token, BOS first. */
  readonly pieces: readonly (readonly string[])[]
}

/** A layer's results. kinds: for each text those of its tokens, BOS first */
export function analyseLayer(
  { hook, layer, features, pieces }: Pick<OpenLayer, 'hook' | 'layer' | 'features'> & Pieces,
  kinds: readonly (readonly TokenKind[])[],
  design: Design,
  settings: LayerSettings,
): LayerResult {
  const lengths = kinds.map((tokens) => tokens.length)
  const means = meanFeatures(features, lengths) // [texts, d_sae]
  const threshold = thresholdAt(hook, settings.threshold, means)
  const specialists = findSpecialists(means, design, threshold, settings)
  const activations = featureColumns(
    features,
    lengths,
    specialists.map(({ feature }) => feature),
  )
  const tokens = strongestTokens(features, pieces)
  const located = specialists.map((specialist): LocatedSpecialist => {
    const rows = rowsOf(design, specialist.topic, specialist.form)
    return {
      ...specialist,
      symbols: symbolShare(activations.get(specialist.feature)!, kinds, rows),
      token: tokens.get(specialist.feature)!,
    }
  })
  const transfer = {
    topic: meanTransfer(cellSpecialists(located, 'topic')),
    form: meanTransfer(cellSpecialists(located, 'form')),
  }
  return { layer, threshold, ...compareCells(means, design, settings), specialists: located, transfer }
}

/** The rows of a topic, a form, or, where neither is null, a cell. */
function rowsOf(design: Design, topic: string | null, form: string | null): number[] {
  const labels = labelsOf(design)
  return [...design.texts.keys()].filter((row) => {
    const [ownTopic, ownForm] = [design.topics[labels.topic[row]], design.forms[labels.form[row]]]
    return (topic ?? ownTopic) === ownTopic && (form ?? ownForm) === ownForm
  })
}

function meanTransfer(specialists: readonly LocatedSpecialist[]): Transfer {
  if (specialists.length === 0) return { elsewhere: null, outside: null }
  const part = ([above, of]: Share): number => above / of
  return {
    elsewhere: mean(specialists.map(({ elsewhere }) => part(elsewhere!))),
    outside: mean(specialists.map(({ outside }) => part(outside))),
  }
}
