import type { LayerRun, SparseFeatures, TopPerToken } from '../protocol.ts'
import { featuresAt, topAt, type Entry, type TextRun } from './text-run.ts'

/** Float32 to the digits that tell it from its neighbours, and no more. */
const number = (value: number): number => Number(value.toPrecision(9))

/** A run as a file: a file format, hence snake_case. Tokens are rows throughout, BOS first. */
export function exportRun(run: TextRun) {
  const { opened, text, tokens, layers, end } = run
  return {
    text,
    model: opened.model,
    backend: opened.backend,
    mode: opened.mode,
    basis: opened.basis,
    tokens: tokens.map(({ id, piece, shown }) => ({ id, piece, shown })),
    layers: layers.map((layer) => exportLayer(layer, run)),
    next_token: probabilities(end.next, run),
    edit:
      end.edited === null
        ? null
        : {
            ...end.edited.edit,
            next_token: probabilities(end.edited.next, run),
            kl_nats: Array.from(end.edited.kl, number),
          },
    milliseconds: end.ms.total,
  }
}

function exportLayer({ layer, features, attention, neurons, lens, ms }: LayerRun, run: TextRun) {
  const { heads } = run.opened
  const size = run.tokens.length
  const row = (head: number, query: number) =>
    Array.from(attention.subarray((head * size + query) * size, (head * size + query + 1) * size), number)
  return {
    layer,
    hook: features.hook,
    features: sparse(features, size),
    attention: range(heads).map((head) => range(size).map((query) => row(head, query))),
    strongest_neurons: range(size).map((token) => pairs(topAt(neurons, token), 'neuron')),
    logit_lens: probabilities(lens, run),
    milliseconds: ms,
  }
}

function sparse(features: SparseFeatures, size: number) {
  return range(size).map((token) => pairs(featuresAt(features, token), 'feature'))
}

function pairs(entries: readonly Entry[], name: string) {
  return entries.map(({ index, value }) => ({ [name]: index, activation: number(value) }))
}

function probabilities(top: TopPerToken, { tokens, end }: TextRun) {
  return tokens.map((_, token) =>
    topAt(top, token).map(({ index, value }) => {
      return { id: index, token: end.names.get(index) ?? null, probability: number(value) }
    }),
  )
}

function range(length: number): number[] {
  return Array.from({ length }, (_, i) => i)
}
