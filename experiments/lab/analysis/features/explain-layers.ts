// Analyses the layers one by one, and explains the features that each analysis names.
import { piecesOf } from '../../../../gpt2/pieces.ts'
import { forEachLayer, type OpenLayer } from '../../models/layers.ts'
import type { OpenModel } from '../../models/models.ts'
import { explainFeatures, withNextLayer, type ExplainedFeature } from './explain.ts'

/** An experiment's result for a layer, and what is known about the features that it names. */
export interface ExplainedLayer<T> {
  readonly result: T
  readonly explained: readonly ExplainedFeature[]
}

/**
 * @param texts ids with BOS
 * @param analyse a layer's result, and the features to explain; `pieces`: for each text one string per token, BOS first
 */
export async function explainLayers<T>(
  model: OpenModel,
  texts: readonly (readonly number[])[],
  hooks: readonly string[],
  quiet: boolean,
  analyse: (layer: OpenLayer & { pieces: readonly (readonly string[])[] }) => {
    result: T
    named: readonly number[]
  },
): Promise<ExplainedLayer<T>[]> {
  const pieces = texts.map((ids) => piecesOf(model, ids))
  const layers: ExplainedLayer<T>[] = []
  await forEachLayer(model, texts, hooks, quiet, async (layer) => {
    const { result, named } = analyse({ ...layer, pieces })
    const explained = await explainFeatures(model, layer, named, pieces)
    const before = layers.pop()
    if (before) layers.push({ ...before, explained: withNextLayer(before.explained, layer, pieces) })
    layers.push({ result, explained })
  })
  return layers
}
