import { DEFAULT_BACKEND, isBackend } from './backends.ts'
import type { FeatureEdit, Opened } from '../protocol.ts'

/** One feature of the SAE at one layer's input. */
export interface FeatureRef {
  readonly layer: number
  readonly feature: number
}

/** What is done to a feature; `coefficient` in units of activation. */
export type Edit = FeatureRef &
  ({ readonly kind: 'off' } | { readonly kind: 'up'; readonly coefficient: number })

/** All that a person chose: what a link to the page carries in its hash. */
export interface Link {
  readonly text: string
  readonly backend: string
  /** The position looked at, BOS being 0; null follows the end of the text. */
  readonly token: number | null
  /** The attention pattern that is shown large. */
  readonly head: { readonly layer: number; readonly head: number }
  /** The two layers laid side by side. */
  readonly compare: readonly [number, number]
  /** The feature whose card is open. */
  readonly feature: FeatureRef | null
  readonly edit: Edit | null
}

/** Of a text, in UTF-16 units: far more than the model reads, so that it is the model's limit that people meet. */
export const LONGEST_TEXT = 20_000
/** No position, layer, head or feature number of any GPT-2 or SAE is longer. */
const WHOLE = /^\d{1,6}$/
export const LARGEST_COEFFICIENT = 9999

export const START: Link = {
  text: 'with open(path, encoding="utf-8") as',
  backend: DEFAULT_BACKEND,
  token: null,
  head: { layer: 0, head: 0 },
  compare: [1, 4],
  feature: null,
  edit: null,
}

/** As a text area would give it, and as UTF-8 can hold it. */
export function cleanText(text: string): string {
  return text.replace(/\r\n?/g, '\n').slice(0, LONGEST_TEXT).toWellFormed()
}

/** To the two decimals that the slider has and the link keeps. */
export function cleanCoefficient(coefficient: number): number {
  return Math.round(Math.min(LARGEST_COEFFICIENT, Math.max(0, coefficient)) * 100) / 100
}

/** The hash, without `#`. What is as at the start is left out, but the text never: another day may start with another. */
export function encodeLink(link: Link): string {
  const { head, compare, feature, edit } = link
  const fields = new URLSearchParams({ text: link.text })
  const set = (name: string, value: string, start: string): void => {
    if (value !== start) fields.set(name, value)
  }
  set('backend', link.backend, START.backend)
  set('token', String(link.token ?? ''), '')
  set('head', `${head.layer}-${head.head}`, '0-0')
  set('compare', compare.join('-'), START.compare.join('-'))
  set('feature', feature === null ? '' : `${feature.layer}-${feature.feature}`, '')
  set('edit', edit === null ? '' : encodeEdit(edit), '')
  return fields.toString()
}

function encodeEdit(edit: Edit): string {
  const place = `${edit.layer}-${edit.feature}`
  return edit.kind === 'off' ? `off-${place}` : `up-${place}-${edit.coefficient}`
}

/** Any string is a link: what it does not say, or says wrongly, is as at the start. */
export function decodeLink(hash: string): Link {
  const fields = new URLSearchParams(hash.replace(/^#/, ''))
  const numbers = (name: string): number[] => wholes((fields.get(name) ?? '').split('-'))
  const [headLayer, head] = numbers('head')
  const [left, right] = numbers('compare')
  const [layer, feature] = numbers('feature')
  const backend = fields.get('backend') ?? ''
  return {
    text: cleanText(fields.get('text') ?? START.text),
    backend: isBackend(backend) ? backend : START.backend,
    token: numbers('token')[0] ?? START.token,
    head: head === undefined ? START.head : { layer: headLayer, head },
    compare: right === undefined ? START.compare : [left, right],
    feature: feature === undefined ? START.feature : { layer, feature },
    edit: decodeEdit(fields.get('edit') ?? ''),
  }
}

function decodeEdit(value: string): Edit | null {
  const [kind, ...parts] = value.split('-')
  const [layer, feature] = wholes(parts.slice(0, 2))
  if (feature === undefined) return null
  if (kind === 'off' && parts.length === 2) return { layer, feature, kind }
  if (kind !== 'up' || parts.length !== 3 || !/^\d{1,4}(\.\d{1,2})?$/.test(parts[2])) return null
  return { layer, feature, kind, coefficient: cleanCoefficient(Number(parts[2])) }
}

/** The numbers, or none at all where one of them is not a whole number. */
function wholes(parts: readonly string[]): number[] {
  return parts.every((part) => WHOLE.test(part)) ? parts.map(Number) : []
}

/** The link, less what the model that opened does not have. */
export function fitLink(link: Link, opened: Opened): Link {
  const exists = (ref: FeatureRef | null): boolean => {
    const sae = opened.saes.find(({ layer }) => layer === ref?.layer)
    return ref !== null && sae !== undefined && ref.feature < sae.dSae
  }
  const { head, compare } = link
  return {
    ...link,
    token: link.token !== null && link.token < opened.nCtx ? link.token : null,
    head: head.layer < opened.layers && head.head < opened.heads ? head : START.head,
    compare: Math.max(...compare) < opened.layers ? compare : [0, opened.layers - 1],
    feature: exists(link.feature) ? link.feature : null,
    edit: exists(link.edit) ? link.edit : null,
  }
}

/** The edit as the worker wants it: by hook. */
export function requestedEdit(edit: Edit | null, opened: Opened): FeatureEdit | null {
  if (edit === null) return null
  const { layer, ...rest } = edit
  return { ...rest, hook: hookOf(layer, opened) }
}

/** The hook point that a layer's SAE reads. */
export function hookOf(layer: number, { saes }: Opened): string {
  const sae = saes.find((candidate) => candidate.layer === layer)
  if (sae === undefined) throw new Error(`layer ${layer} has no SAE: fitLink lets no such layer through`)
  return sae.hook
}
