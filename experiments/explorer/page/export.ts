// A run as a file to download.
import type { Change } from '../../lab/models/changes.ts'
import type { EditedRun, LayerRun, TopPerToken } from '../protocol.ts'
import { featuresAt, topAt, type Entry, type ShownRun } from './text-run.ts'

/** A float32 with just enough digits to tell it from its neighbours. */
const number = (value: number): number => Number(value.toPrecision(9))

/** A file format, hence snake_case. Tokens are rows throughout, BOS first. */
export function exportRun(run: ShownRun) {
  const { opened, text, tokens, edited } = run
  return {
    text,
    model: opened.model,
    backend: opened.backend,
    mode: opened.mode,
    basis: opened.basis,
    tokens: tokens.map(({ id, piece, shown }) => ({ id, piece, shown })),
    layers: run.layers.map((layer) => exportLayer(layer, run)),
    next_token: probabilities(run.next, run),
    edit: edited && exportEdit(edited, run),
    milliseconds: run.ms.total,
  }
}

function exportEdit({ edit, next, kl }: EditedRun, run: ShownRun) {
  const changes = edit.map((change) => ({ hook: hookOf(change, run), ...change }))
  return { changes, next_token: probabilities(next, run), kl_nats: Array.from(kl, number) }
}

/** Where the change is made. */
function hookOf({ kind, layer }: Change, run: ShownRun): string {
  if (kind === 'head') return `blocks.${layer}.attn.hook_z`
  if (kind === 'neuron') return `blocks.${layer}.mlp.hook_post`
  return run.layers[layer].features.hook
}

function exportLayer({ layer, features, attention, neurons, lens, ms }: LayerRun, run: ShownRun) {
  const size = run.tokens.length
  const row = (start: number) => Array.from(attention.subarray(start, start + size), number)
  return {
    layer,
    hook: features.hook,
    features: run.tokens.map((_, token) => pairs(featuresAt(features, token), 'feature')),
    attention: Array.from({ length: run.opened.config.nHeads }, (_, head) =>
      run.tokens.map((_, query) => row((head * size + query) * size)),
    ),
    strongest_neurons: run.tokens.map((_, token) => pairs(topAt(neurons, token), 'neuron')),
    logit_lens: probabilities(lens, run),
    milliseconds: ms,
  }
}

function pairs(entries: readonly Entry[], name: string) {
  return entries.map(({ index, value }) => ({ [name]: index, activation: number(value) }))
}

function probabilities(top: TopPerToken, { tokens, names }: ShownRun) {
  return tokens.map((_, token) =>
    topAt(top, token).map(({ index, value }) => {
      return { id: index, token: names.get(index) ?? null, probability: number(value) }
    }),
  )
}
