// All that the command finds, as results.json has it.
import type { DirectAttribution } from '../../gpt2/attribution.ts'
import { agreement, type Agreement } from './agreement.ts'
import type { FeatureEffect, FeatureEffects } from './features.ts'
import { ESTIMATES, type heldStill, type Method } from './methods.ts'
import { PATCHED } from '../lab/analysis/intervene.ts'
import type { Patching } from './patching.ts'

export interface AttributionResults {
  readonly clean: readonly string[]
  readonly corrupted: readonly string[] | null
  /** The number that is explained, in words. */
  readonly explained: string
  readonly target: string
  readonly against: string | null
  readonly logit: number
  /** What the parts add up to. */
  readonly sum: number
  readonly parts: readonly Share[]
  readonly heads: readonly HeadShare[]
  /** The strongest, of all layers. */
  readonly neurons: readonly NeuronShare[]
  /** What c_proj's biases say. */
  readonly biases: readonly Share[]
  readonly saes: FeatureEffects['shares']
  readonly integrated: FeatureEffects['integrated']
  readonly features: readonly (FeatureEffect & { readonly token: string })[]
  readonly patching: Patching | null
  readonly agreement: readonly Agreement[]
  readonly held_still: ReturnType<typeof heldStill>
}

export interface Share {
  readonly hook: string
  readonly share: number
}

export interface HeadShare extends Share {
  readonly layer: number
  readonly head: number
  /** What it says because it looks at each token, BOS first. */
  readonly sources: readonly number[]
}

export interface NeuronShare extends Share {
  readonly neuron: number
}

/** Direct shares as lists, under TransformerLens' names. */
export function sharesOf({ parts, layers }: DirectAttribution) {
  return {
    parts: Array.from(parts, ([hook, share]) => ({ hook, share })),
    heads: layers.flatMap(({ heads, sources }, layer) =>
      heads.map((share, head) => ({
        ...{ hook: `blocks.${layer}.attn.hook_result`, layer, head, share },
        sources: [...sources[head]],
      })),
    ),
    neurons: layers.flatMap(({ neurons }, layer) =>
      Array.from(neurons, (share, neuron) => ({ hook: `blocks.${layer}.mlp.hook_post`, neuron, share })),
    ),
    biases: layers.flatMap(({ attentionBias, mlpBias }, layer) => [
      { hook: `blocks.${layer}.attn.b_O`, share: attentionBias },
      { hook: `blocks.${layer}.mlp.b_out`, share: mlpBias },
    ]),
  }
}

/** The `count` of the largest size. */
export function strongest<Item>(items: readonly Item[], count: number, of: (item: Item) => number): Item[] {
  return items.toSorted((a, b) => Math.abs(of(b)) - Math.abs(of(a))).slice(0, count)
}

/** By a column, the largest size first; what was not tried last. */
export function sortFeatures<Row extends FeatureEffect>(features: readonly Row[], by: Method): Row[] {
  return strongest(features, features.length, (row) => row[by] ?? 0)
}

/**
 * Each estimate held to ablation, SAE by SAE and over all, direct attribution where a feature is active at the last token;
 * attribution patching held to patching, by place.
 */
export function agreements(features: readonly FeatureEffect[], patching: Patching | null): Agreement[] {
  const tried = features.filter(({ ablation }) => ablation !== null)
  const groups = [...Map.groupBy(tried, ({ hook }) => hook), ['all', tried] as const]
  const ofFeatures = groups.flatMap(([of, rows]) =>
    ESTIMATES.map((estimate) => {
      const told = estimate === 'direct' ? rows.filter(({ direct }) => direct !== 0) : rows
      const truths = told.map(({ ablation }) => ablation!)
      return agreement(
        { of, estimate, truth: 'ablation' },
        told.map((row) => row[estimate]),
        truths,
      )
    }),
  )
  const ofPatching = PATCHED.flatMap((of) => {
    const rows = patching?.rows.filter(({ site }) => site === of) ?? []
    if (rows.length === 0) return []
    const names = { of, estimate: 'attribution patching', truth: 'patching' }
    const estimates = rows.flatMap((row) => row.attribution)
    return [
      agreement(
        names,
        estimates,
        rows.flatMap((row) => row.patching),
      ),
    ]
  })
  return [...(tried.length > 0 ? ofFeatures : []), ...ofPatching]
}

/** The agreements as a table: a row for each place, a column for each estimate. */
export function agreementGrid(all: readonly Agreement[]) {
  const columns = [...new Set(all.map(({ estimate }) => estimate))]
  const rows = Array.from(
    Map.groupBy(all, ({ of }) => of),
    ([of, ones]) => ({
      of,
      places: Math.max(...ones.map(({ places }) => places)),
      cells: columns.map((column) => ones.find(({ estimate }) => estimate === column)),
    }),
  )
  return { columns, rows }
}

/** What heads say because they look at a token: layers x tokens, all heads of a layer added up. */
export function sourcesByLayer({ heads, clean }: Pick<AttributionResults, 'heads' | 'clean'>): number[][] {
  return [...Map.groupBy(heads, ({ layer }) => layer).values()].map((ofLayer) =>
    clean.map((_, token) => ofLayer.reduce((sum, { sources }) => sum + sources[token], 0)),
  )
}
