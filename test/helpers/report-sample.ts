import { Tensor } from '../../engine/tensor.ts'
import { positiveEntries } from '../../engine/sparse.ts'
import { analyseLayer, namedFeatures } from '../../experiments/lab/analysis/analyse-layer.ts'
import { compareLayers } from '../../experiments/black-box/compare-layers.ts'
import { withStatistics } from '../../experiments/lab/analysis/layer-statistics.ts'
import type { BlackBoxReport } from '../../experiments/black-box/black-box-page.ts'
import type { Verdict } from '../../experiments/lab/analysis/layer-analysis.ts'
import { verdicts } from '../../experiments/black-box/verdicts.ts'
import { activationStatistics } from '../../experiments/lab/analysis/features/activations.ts'
import type { ExplainedFeature } from '../../experiments/lab/analysis/features/explain.ts'

/** Strings that a careless page would run, or be broken by. */
export const HOSTILE = [
  `<img src=x onerror="alert('img')">`,
  `</script><script>alert('script')</script>`,
  `<!-- <script> </style><style>body{display:none}</style>`,
  `" onmouseover="alert('quote')" x='`,
  `&lt;b&gt; &amp; &#x41; ]]> <svg onload=alert(1)>`,
  'a\u200bb \u202etxt.exe\u202c \ufeff\u2066x\u2069 \u0000\u001b[31m \ud83d',
  'مرحبا بالعالم، كيف حالك؟ שלום עולם',
  'w'.repeat(2000),
  'javascript:alert(1)\r\n\tnext\u2028line',
  '${alert(1)} {{alert(1)}} __proto__ constructor',
] as const

/**
 * A report in which every string is hostile where `hostile`: the real analysis on invented activations, the
 * same at each call. 3 layers, 3 categories of `textsEach` texts; feature 4 c + k leans to category c.
 */
export function sampleReport({
  hostile = false,
  textsEach = 5,
  names = hostile ? [HOSTILE[0], HOSTILE[1], HOSTILE[7]] : ['Python', 'Math', 'Formal'],
}: { hostile?: boolean; textsEach?: number; names?: readonly string[] } = {}): BlackBoxReport {
  const text = (t: number): string => (hostile ? HOSTILE[t % HOSTILE.length] : `text ${t} of the\n\tsample`)
  const say = (name: string, i: number): string => (hostile ? HOSTILE[i % HOSTILE.length] : name)
  const texts = names.flatMap((category, c) =>
    Array.from({ length: textsEach }, (_, i) => ({ category, pieces: pieces(text(c * textsEach + i)) })),
  )
  const categories = names.map((name, c) => ({
    name,
    rows: texts.map((_, t) => t).slice(c * textsEach, (c + 1) * textsEach),
  }))
  const activation = (layer: number, feature: number, t: number, p: number): number => {
    const at = (layer * 7 + feature * 13 + t * 5 + p * 3) % 11
    const own = Math.floor(feature / 4) === Math.floor(t / textsEach)
    return p > 0 && at < (own ? 8 : 2) ? (at + 1) * (layer + 1) * (own ? 1 : 0.3) : 0
  }
  const inputs = [0, 1, 2].map((layer) => {
    const dense = texts.flatMap(({ pieces }, t) =>
      FEATURES.map((feature) => {
        const sum = pieces.reduce((sum, _, p) => sum + activation(layer, feature, t, p), 0)
        return sum / (pieces.length - 1)
      }),
    )
    const matrix = Tensor.of([texts.length, FEATURES.length], dense)
    const means = positiveEntries(matrix)
    const quality = layer === 2 ? { texts: QUALITY, held_out: QUALITY } : undefined
    const tokens = new Map(FEATURES.map((feature) => [feature, say(' the', feature)]))
    return {
      means,
      analysis: analyseLayer(means, categories, 2, layer),
      streamNorm: layer + 1,
      quality,
      tokens,
    }
  })
  const layers = withStatistics(inputs, categories, { permutations: 40, resamples: 40, seed: 0 })
  return {
    provenance: {
      ...{
        model: say('tiny', 0),
        sae: say('d_sae 12', 1),
        backend: say('reference', 2),
        mode: say('plain loops', 3),
      },
      ...{ basis: say('centred', 4), hook: say('blocks.N.hook_resid_pre', 5), bos: say('prepended', 6) },
      ...{ pooling: say('mean', 7), threshold: say('2', 8), seed: say('1', 9), command: say('npm start', 1) },
      version: say('0.1.0', 0),
    },
    run: { id: say('0f-1', 0), date: '2026-01-02T03:04:59.000Z' },
    question: say('Which features?', 1),
    answer: say('Three of them.', 2),
    links: [{ name: say('All results', 3), href: '../../index.html' }],
    verdicts: hostile ? HOSTILE.map(hostileVerdict) : verdicts(layers),
    qualityNote: say('measured on all texts', 2),
    layers,
    changes: compareLayers(layers),
    texts,
    explained: layers.map((analysis, layer) =>
      namedFeatures(analysis).map((feature) =>
        explained(
          { layer, feature },
          texts.map(({ pieces }, t) => pieces.map((_, p) => activation(layer, feature, t, p))),
          texts.map(({ pieces }) => pieces),
          say(' the', feature),
        ),
      ),
    ),
  }
}

/** A feature with these activations; what its direction says is invented. */
export function explained(
  { layer, feature }: { layer: number; feature: number },
  activations: readonly (readonly number[])[],
  pieces: readonly (readonly string[])[],
  token = ' the',
): ExplainedFeature {
  const column = activations.map((text) => Float32Array.from(text))
  const dashboard = {
    ...{ layer, feature, hook: `blocks.${layer}.hook_resid_pre` },
    ...{ neuronpedia: layer === 1 ? `https://example.org/${feature}` : null },
    ...activationStatistics(column, pieces),
    ...{ promoted: [{ id: 1, token, logit: 0.5 }], suppressed: [{ id: 2, token, logit: -0.25 }] },
    nearest: [{ feature: 3, cosine: 0.4, token }],
    next_layer:
      layer === 2
        ? null
        : {
            ...{ layer: layer + 1, hook: `blocks.${layer + 1}.hook_resid_pre` },
            features: [{ feature: 7, correlation: 0.9, together: 5, firing_tokens: 6, token }],
          },
  }
  return { dashboard, column }
}

const hostileVerdict = (text: string): Verdict => ({
  claim: text,
  status: 'holds',
  brief: text,
  detail: text,
})

const QUALITY = {
  ...{
    texts: 3,
    tokens: 30,
    l0: 4.5,
    explained_variance: 0.875,
    d_sae: 12,
    dead_features: 2,
    dense_features: 1,
  },
  ...{
    ce_clean: 2.5,
    ce_spliced: 3,
    ce_zero_ablated: 7.5,
    ce_mean_ablated: 6.5,
    ce_recovered: 0.9,
    ce_recovered_of_mean: 0.875,
  },
}

const FEATURES = Array.from({ length: 12 }, (_, feature) => feature)

// BOS and at most 10 pieces, cut without regard to characters; one piece is empty, as where a character is split.
function pieces(text: string): string[] {
  const size = Math.max(3, Math.ceil(text.length / 8))
  const cut = Array.from({ length: Math.ceil(text.length / size) }, (_, i) =>
    text.slice(i * size, (i + 1) * size),
  )
  return ['<|endoftext|>', '', ...cut]
}
