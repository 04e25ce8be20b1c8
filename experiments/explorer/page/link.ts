// All that a person chose, as the hash of the page’s address.
import { DEFAULT_BACKEND, isBackend } from './backends.ts'
import type { FeatureEdit, FeatureRef, Opened } from '../protocol.ts'

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
  readonly edit: FeatureEdit | null
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

function encodeEdit(edit: FeatureEdit): string {
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

function decodeEdit(value: string): FeatureEdit | null {
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
export function fitLink(link: Link, { config, saes }: Opened): Link {
  const exists = (ref: FeatureRef | null): boolean =>
    ref !== null && ref.feature < (saes.at(ref.layer)?.dSae ?? 0)
  const { head, compare } = link
  return {
    ...link,
    token: link.token !== null && link.token < config.nCtx ? link.token : null,
    head: head.layer < config.nLayers && head.head < config.nHeads ? head : START.head,
    compare: Math.max(...compare) < config.nLayers ? compare : [0, config.nLayers - 1],
    feature: exists(link.feature) ? link.feature : null,
    edit: exists(link.edit) ? link.edit : null,
  }
}
