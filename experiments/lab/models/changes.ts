// Changes to a model while it reads or writes: which there are, and how they are written on a command line and in the Explorer's links.
import type { Gpt2Config } from '../../../gpt2/config.ts'
import type { SaeConfig } from '../../../sae/config.ts'

/** One feature of the SAE at one layer's input. */
export interface FeatureRef {
  readonly layer: number
  readonly feature: number
}

/** One neuron of a layer's MLP. */
export interface NeuronRef {
  readonly layer: number
  readonly neuron: number
}

/** A change to one feature at every token but BOS, while the text is read. */
export type FeatureEdit = FeatureRef &
  (
    | /** Its contribution, f_j * W_dec[j], is taken out of the residual stream wherever it fires. */
      { readonly kind: 'off' }
      /** Wherever it fires, its contribution is `factor` times what it was. */
    | { readonly kind: 'scale'; readonly factor: number }
    /** coefficient * W_dec[j] is added, whether it fires or not; in units of activation. */
    | { readonly kind: 'up'; readonly coefficient: number }
  )

/** A part of the model that is changed while it reads or writes. A list of changes, made in order, is an edit. */
export type Change =
  | FeatureEdit
  /** What the head mixes from the tokens it looks at becomes 0, at every token. */
  | { readonly kind: 'head'; readonly layer: number; readonly head: number }
  /** The MLP neuron's activation becomes 0, at every token. */
  | { readonly kind: 'neuron'; readonly layer: number; readonly neuron: number }

export const LARGEST_COEFFICIENT = 9999

/** Rounded to the two decimals that are written. */
export function cleanCoefficient(coefficient: number): number {
  return Math.round(Math.min(LARGEST_COEFFICIENT, Math.max(0, coefficient)) * 100) / 100
}

/** How each kind is written. */
export const WRITTEN: Readonly<Record<Change['kind'], string>> = {
  off: 'off-LAYER-FEATURE',
  up: 'up-LAYER-FEATURE-AMOUNT',
  scale: 'scale-LAYER-FEATURE-FACTOR',
  head: 'head-LAYER-HEAD',
  neuron: 'neuron-LAYER-NEURON',
}

export function writeChange(change: Change): string {
  switch (change.kind) {
    case 'head':
      return `head-${change.layer}-${change.head}`
    case 'neuron':
      return `neuron-${change.layer}-${change.neuron}`
    case 'off':
      return `off-${change.layer}-${change.feature}`
    case 'scale':
      return `scale-${change.layer}-${change.feature}-${change.factor}`
    case 'up':
      return `up-${change.layer}-${change.feature}-${change.coefficient}`
  }
}

/** -> the change, or a message saying how its notation is wrong. No layer, head or feature number has more than six digits. */
export function readChange(written: string): Change | string {
  const [, kind, place, other, by] =
    /^(off|up|scale|head|neuron)-(\d{1,6})-(\d{1,6})(?:-(\d{1,4}(?:\.\d{1,2})?))?$/.exec(written) ?? []
  const [layer, number] = [Number(place), Number(other)]
  if (by === undefined) {
    if (kind === 'off') return { kind, layer, feature: number }
    if (kind === 'head') return { kind, layer, head: number }
    if (kind === 'neuron') return { kind, layer, neuron: number }
  } else {
    if (kind === 'up') return { kind, layer, feature: number, coefficient: Number(by) }
    if (kind === 'scale') return { kind, layer, feature: number, factor: Number(by) }
  }
  return `expected ${expectedFor(written)}, got '${written}'`
}

/** The form that was probably meant, or all forms. */
function expectedFor(written: string): string {
  const [, ...shape] = Object.entries(WRITTEN).find(([kind]) => written.startsWith(`${kind}-`)) ?? []
  if (shape.length === 0) return `one of ${Object.values(WRITTEN).join(', ')}`
  const [, , , by] = shape[0].split('-')
  const amount = by === undefined ? '' : `, ${by} from 0 to ${LARGEST_COEFFICIENT} with two decimals at most`
  return `${shape[0]}, with whole numbers for what is changed${amount}`
}

/** What of a model can be changed. */
export interface Changeable {
  readonly config: Pick<Gpt2Config, 'nLayers' | 'nHeads' | 'dMlp'>
  /** The SAE that is read at each layer, by layer number; undefined where there is none. */
  readonly saes: readonly (Pick<SaeConfig, 'hookName' | 'dSae'> | undefined)[]
}

/** -> undefined if the model has the part to be changed; otherwise one sentence on what it lacks and one on what it has. */
export function lackedBy(
  { config, saes }: Changeable,
  change: Change,
): { readonly lacks: string; readonly has: string } | undefined {
  const { layer } = change
  if (change.kind === 'head' || change.kind === 'neuron') {
    if (!isBelow(layer, config.nLayers))
      return { lacks: `There is no layer ${layer}.`, has: `There are layers 0 to ${config.nLayers - 1}.` }
    const [number, count] =
      change.kind === 'head' ? [change.head, config.nHeads] : [change.neuron, config.dMlp]
    if (isBelow(number, count)) return undefined
    return {
      lacks: `Layer ${layer} has no ${change.kind} ${number}.`,
      has: `It has ${change.kind}s 0 to ${count - 1}.`,
    }
  }
  const sae = isBelow(layer, saes.length) ? saes[layer] : undefined
  if (sae === undefined) {
    const there = saes.flatMap((one, i) => (one ? [i] : []))
    return {
      lacks: `There is no SAE at layer ${layer}.`,
      has: `There are SAEs at these layers: ${there.join(', ') || 'none'}.`,
    }
  }
  if (isBelow(change.feature, sae.dSae)) return undefined
  return {
    lacks: `The SAE at ${sae.hookName} has no feature ${change.feature}.`,
    has: `It has features 0 to ${sae.dSae - 1}.`,
  }
}

function isBelow(value: number, end: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < end
}
