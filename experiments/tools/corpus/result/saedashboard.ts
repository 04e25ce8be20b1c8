// The features as SAEDashboard 0.8 writes them for Neuronpedia: batch-N.json (its NeuronpediaDashboardBatch, field by field).
import { decoderRows } from '../../../../sae/decoder.ts'
import type { Sae } from '../../../../sae/weights.ts'
import { openCorpus } from '../../../lab/analysis/corpus/corpus-node.ts'
import type { CorpusFeature, ExampleRow, Manifest } from '../../../lab/analysis/corpus/corpus-format.ts'
import { lensLogits, streamDirections } from '../../../lab/analysis/features/directions.ts'
import { writeAllAtomically } from '../../../lab/cli/write-node.ts'
import { layerOf } from '../../../lab/models/hooks.ts'
import type { OpenModel } from '../../../lab/models/models.ts'

interface Histogram {
  /** The middle of each bar. */
  readonly values: number[]
  readonly heights: number[]
}

/** Features per file. */
const BATCH = 128
const LOGIT_BARS = 50

/** Writes OUT/saedashboard/LAYER/batch-N.json for each layer. */
export async function writeSaeDashboard(
  folder: string,
  model: OpenModel,
  saes: readonly Sae[],
): Promise<void> {
  const { manifest, features } = await openCorpus(folder)
  for (const sae of saes) {
    const { dSae, hookName } = sae.config
    const layer = layerOf(hookName)
    for (let from = 0; from < dSae; from += BATCH) {
      const found = await features(layer, from, from + BATCH)
      const logits = await logitHistograms(model, sae, found)
      const batch = {
        ...{ model_id: manifest.model, layer, sae_set: model.saesOrigin ?? hookName },
        sae_id_suffix: null,
        features: found.map((one, i) => featureJson(one, logits[i], manifest, model.gpt2.config.nCtx)),
      }
      const name = `saedashboard/${layer}/batch-${from / BATCH}.json`
      await writeAllAtomically(folder, { [name]: `${JSON.stringify(batch)}\n` })
    }
  }
}

/** Tables that SAEDashboard leaves empty if it has not computed them. */
const NOT_COMPUTED = {
  ...{ neuron_alignment_indices: [], neuron_alignment_values: [], neuron_alignment_l1: [] },
  ...{ correlated_neurons_indices: [], correlated_neurons_l1: [], correlated_neurons_pearson: [] },
  ...{ correlated_features_indices: [], correlated_features_l1: [], correlated_features_pearson: [] },
}

function featureJson({ row, examples }: CorpusFeature, logits: Histogram, manifest: Manifest, nCtx: number) {
  const firings = densityHistogram(row.histogram.map(Number), manifest.bin_edges)
  return {
    feature_index: row.feature,
    ...NOT_COMPUTED,
    ...{ neg_str: row.suppressed, neg_values: Array.from(row.suppressed_logits) },
    ...{ pos_str: row.promoted, pos_values: Array.from(row.promoted_logits) },
    frac_nonzero: row.density,
    ...{ freq_hist_data_bar_values: firings.values, freq_hist_data_bar_heights: firings.heights },
    ...{ logits_hist_data_bar_heights: logits.heights, logits_hist_data_bar_values: logits.values },
    ...{ n_prompts_total: manifest.texts.windows, n_tokens_in_prompt: nCtx },
    dataset: manifest.texts.files.map(({ name }) => name).join(', '),
    decoder_weights_dist: [],
    activations: examples.map((one) => activationJson(one, row.max ?? 0, manifest.texts.tokens)),
    vector: [],
  }
}

/**
 * For the strongest, SAEDashboard's first group, `bin_min` and `bin_contains` are -1, and `bin_max` is the feature's maximum; for the
 * others `bin_contains` is the share of all tokens that fire in the interval.
 */
function activationJson(one: ExampleRow, max: number, tokens: number) {
  const strongest = one.interval === 0
  return {
    ...{
      bin_min: strongest ? -1 : one.interval_from,
      bin_max: strongest ? max : Math.min(max, one.interval_to),
    },
    bin_contains: strongest ? -1 : Number(one.interval_firings) / tokens,
    ...{ tokens: one.tokens, values: Array.from(one.activations) },
    qualifying_token_index: one.at,
    ...{ dfa_values: [], dfa_maxValue: 0, dfa_targetIndex: -1 }, // what it writes if it has not computed them
  }
}

/** The bins that hold firings, and those between. */
function densityHistogram(counts: readonly number[], edges: readonly number[]): Histogram {
  const held = counts.flatMap((count, bin) => (count > 0 ? [bin] : []))
  if (held.length === 0) return { values: [], heights: [] }
  const bins = counts.map((_, bin) => bin).slice(held[0], held[held.length - 1] + 1)
  return {
    values: bins.map((bin) => (edges[bin] + edges[bin + 1]) / 2),
    heights: bins.map((bin) => counts[bin]),
  }
}

/** The distribution over the vocabulary of what each feature's direction adds to the logits, in bars of equal width. */
async function logitHistograms(
  { gpt2 }: OpenModel,
  sae: Sae,
  features: readonly CorpusFeature[],
): Promise<Histogram[]> {
  const rows = await decoderRows(
    sae,
    features.map(({ row }) => row.feature),
  )
  const directions = await streamDirections(gpt2, sae, rows)
  const histograms: Histogram[] = []
  await gpt2.ops.scope(async (ops) => {
    const logits = await ops.download(await lensLogits(ops, gpt2.weights, directions))
    for (let i = 0; i < features.length; i++) histograms.push(histogramOf(logits.row(i)))
  })
  return histograms
}

function histogramOf(values: Float32Array): Histogram {
  const [low, high] = values.reduce(
    ([low, high], value) => [Math.min(low, value), Math.max(high, value)],
    [Infinity, -Infinity],
  )
  const width = (high - low) / LOGIT_BARS || 1
  const heights = new Array<number>(LOGIT_BARS).fill(0)
  for (const value of values) heights[Math.min(LOGIT_BARS - 1, Math.floor((value - low) / width))] += 1
  return { values: heights.map((_, bar) => low + (bar + 0.5) * width), heights }
}
