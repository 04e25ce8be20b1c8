import { gpt2Small } from '../../gpt2/config.ts'
import type { LayerRun, Opened, Token, TopPerToken } from '../../experiments/explorer/protocol.ts'
import type { ShownRun } from '../../experiments/explorer/page/text-run.ts'

const HINTS = Array.from({ length: 50 }, (_, feature) => `t${feature}`)

/** A model that never was: two layers, two heads, SAEs of 50 features. */
export const OPENED: Opened = {
  ...{ model: 'toy', backend: 'wasm', mode: 'simd', notes: [] },
  config: { ...gpt2Small, nLayers: 2, nHeads: 2, dModel: 8, dMlp: 32, nCtx: 16 },
  saes: [0, 1].map((layer) => ({ hook: hook(layer), dSae: 50, hints: HINTS })),
  bundled: true,
  basis: 'mean taken out',
}

function hook(layer: number): string {
  return `blocks.${layer}.hook_resid_pre`
}

/** A run of these pieces (BOS is put before them), in which feature `f` fires on token t with 10 * f + t, for those in `fires`. */
export function toyRun(pieces: readonly string[], fires: readonly number[] = [3, 7]): ShownRun {
  const tokens = ['<|endoftext|>', ...pieces].map((piece, id): Token => ({ id, piece, shown: piece }))
  const size = tokens.length
  return {
    id: 1,
    text: pieces.join(''),
    opened: OPENED,
    tokens,
    layers: [0, 1].map((layer) => toyLayer(layer, size, fires)),
    next: top(size, [5, 6], [0.5, 0.25]),
    names: new Map([
      [5, ' a'],
      [6, '\n'],
      [9, ' new'],
    ]),
    edited: null,
    ms: { total: 12, edited: 0 },
  }
}

/** The same entries for every token. */
export function top(size: number, indices: readonly number[], values: readonly number[]): TopPerToken {
  const repeat = (list: readonly number[]): number[] => Array.from({ length: size }, () => list).flat()
  return {
    perToken: indices.length,
    indices: Uint32Array.from(repeat(indices)),
    values: Float32Array.from(repeat(values)),
  }
}

function toyLayer(layer: number, size: number, fires: readonly number[]): LayerRun {
  const tokens = Array.from({ length: size }, (_, token) => token)
  // Even attention: every token looks at all up to it alike, in both heads.
  const row = (query: number): number[] => tokens.map((key) => (key <= query ? 1 / (query + 1) : 0))
  const pattern = tokens.flatMap(row)
  return {
    layer,
    features: {
      hook: hook(layer),
      offsets: Uint32Array.from([...tokens, size], (token) => token * fires.length),
      indices: Uint32Array.from(tokens.flatMap(() => [...fires])),
      values: Float32Array.from(tokens.flatMap((token) => fires.map((feature) => 10 * feature + token))),
    },
    attention: Float32Array.from([...pattern, ...pattern]),
    neurons: top(size, [11, 30], [2, 0.5]),
    lens: top(size, [6, 5], [0.9, 0.1]),
    ms: { block: 1 + layer, sae: 0.5, lens: 0.25 },
  }
}
