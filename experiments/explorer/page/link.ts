// Everything that a person chose, as the hash of the page’s address.
import {
  lackedBy,
  readChange,
  writeChange,
  type Change,
  type FeatureRef,
  type NeuronRef,
} from '../../lab/models/changes.ts'
import { DEFAULT_BACKEND, isBackend } from './backends.ts'
import { readPatch, writePatch } from './patch-link.ts'
import { readSampling, USUAL_SAMPLING, writeSampling } from './sampling.ts'
import type { ToySettings } from '../../lab/analysis/superposition/toy.ts'
import { readToy, USUAL_TOY, writeToy } from './toy-link.ts'
import { ALL, readQuery, writeQuery, type LibraryQuery } from '../library-query.ts'
import type { Opened, Patch, Sampling, TokenChoice, WhyChoice } from '../protocol.ts'

/** Everything that a person chose: what a link to the page carries in its hash. */
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
  /** The MLP neuron whose card is open. */
  readonly neuron: NeuronRef | null
  /** What is changed in the model; empty: nothing. */
  readonly edit: readonly Change[]
  readonly sampling: Sampling
  /** The text it is compared with; empty: none. */
  readonly other: string
  /** What is put from one of the two texts into the other; null: nothing. */
  readonly patch: Patch | null
  /** The next token that is explained; null: none. */
  readonly why: WhyChoice | null
  /** The query to the library of features. */
  readonly library: LibraryQuery
  /** What the toy of superposition learns. */
  readonly toy: ToySettings
}

/** The longest text, in UTF-16 units: far more than the model reads, so that people meet the model's limit and not this one. */
export const LONGEST_TEXT = 20_000

export const START: Link = {
  text: 'with open(path, encoding="utf-8") as',
  backend: DEFAULT_BACKEND,
  token: null,
  head: { layer: 0, head: 0 },
  compare: [1, 4],
  feature: null,
  neuron: null,
  edit: [],
  sampling: USUAL_SAMPLING,
  other: '',
  patch: null,
  why: null,
  library: ALL,
  toy: USUAL_TOY,
}

/** As a text area would return it, and as UTF-8 can hold it. */
export function cleanText(text: string): string {
  return text.replace(/\r\n?/g, '\n').slice(0, LONGEST_TEXT).toWellFormed()
}

/** How a choice is written in the hash. */
interface Field<T> {
  write(value: T): string
  /** Undefined if it is not understood. */
  read(written: string): T | undefined
}

/** No position, layer, head or feature number of any GPT-2 or SAE has more than six digits. */
const FIELDS: { readonly [Name in keyof Link]: Field<Link[Name]> } = {
  text: { write: (text) => text, read: cleanText },
  backend: { write: (name) => name, read: (name) => (isBackend(name) ? name : undefined) },
  token: {
    write: (token) => String(token ?? ''),
    read: (written) => (/^\d{1,6}$/.test(written) ? Number(written) : undefined),
  },
  head: {
    write: ({ layer, head }) => `${layer}-${head}`,
    read: (written) => readPair(written, (layer, head) => ({ layer, head })),
  },
  compare: { write: (pair) => pair.join('-'), read: (written) => readPair(written, (a, b) => [a, b]) },
  feature: { write: (ref) => (ref === null ? '' : writeRef(ref)), read: readRef },
  neuron: {
    write: (ref) => (ref === null ? '' : `${ref.layer}-${ref.neuron}`),
    read: (written) => readPair(written, (layer, neuron) => ({ layer, neuron })),
  },
  edit: { write: (edit) => edit.map(writeChange).join(), read: readEdit },
  sampling: { write: writeSampling, read: readSampling },
  other: { write: (text) => text, read: cleanText },
  patch: { write: writePatch, read: readPatch },
  why: { write: writeWhy, read: readWhy },
  library: { write: writeQuery, read: readQuery },
  toy: { write: writeToy, read: readToy },
}

function readPair<T>(written: string, make: (a: number, b: number) => T): T | undefined {
  const [, a, b] = /^(\d{1,6})-(\d{1,6})$/.exec(written) ?? []
  return b === undefined ? undefined : make(Number(a), Number(b))
}

function readRef(written: string): FeatureRef | undefined {
  return readPair(written, (layer, feature) => ({ layer, feature }))
}

function writeRef({ layer, feature }: FeatureRef): string {
  return `${layer}-${feature}`
}

/** Undefined if one of them is not understood: an edit is accepted only as a whole. */
function readEdit(written: string): Change[] | undefined {
  const edit = written.split(',').map(readChange)
  return edit.every((change) => typeof change !== 'string') ? edit : undefined
}

/** `id-12`, `text-%20range`, or nothing for the likeliest; after a comma, the same for the other token. */
function writeWhy(why: WhyChoice | null): string {
  const write = (choice: TokenChoice | null): string => {
    if (choice === null) return ''
    return typeof choice === 'number' ? `id-${choice}` : `text-${encodeURIComponent(choice.toWellFormed())}`
  }
  return why === null ? 'none' : `${write(why.target)},${write(why.against)}`
}

function readWhy(written: string): WhyChoice | undefined {
  const choice = '(?:id-(\\d{1,6})|text-([^,]{1,600}))?'
  const parts = new RegExp(`^${choice},${choice}$`).exec(written)
  if (parts === null) return undefined
  const read = (id: string | undefined, text: string | undefined): TokenChoice | null => {
    if (id !== undefined) return Number(id)
    return text === undefined ? null : decodeURIComponent(text)
  }
  try {
    return { target: read(parts[1], parts[2]), against: read(parts[3], parts[4]) }
  } catch {
    return undefined // a lone %
  }
}

const NAMES = Object.keys(FIELDS) as (keyof Link)[]

function writeField<Name extends keyof Link>(name: Name, link: Link): string {
  return FIELDS[name].write(link[name])
}

/** The fields that differ from another link, by name and as written in the hash. */
function difference(link: Link, other: Link): [name: keyof Link, written: string][] {
  const differ = NAMES.filter((name) => writeField(name, link) !== writeField(name, other))
  return differ.map((name) => [name, writeField(name, link)])
}

/** The hash, without `#`. What is as at the start is left out, except for the text: another day may start with another one. */
export function encodeLink(link: Link): string {
  return new URLSearchParams({ text: link.text, ...Object.fromEntries(difference(link, START)) }).toString()
}

/** What a hash says, the rest as at the start; and, as written there, the fields that are not understood. */
export function decodeLink(hash: string): { link: Link; refused: string[] } {
  const found = new Map<string, unknown>()
  const refused: string[] = []
  for (const [name, written] of new URLSearchParams(hash.replace(/^#/, ''))) {
    const field = found.has(name) ? undefined : NAMES.find((known) => known === name)
    const value = field && FIELDS[field].read(written)
    if (value === undefined) refused.push(`${name}=${written}`)
    else found.set(name, value)
  }
  return { link: { ...START, ...Object.fromEntries(found) }, refused }
}

/** What a link said and its fitted form no longer says, as written in the hash. */
export function lostFields(link: Link, fitted: Link): string[] {
  const said = new Map(difference(link, START))
  return difference(link, fitted).flatMap(([name, written]) => (said.has(name) ? [`${name}=${written}`] : []))
}

/** The link without what the opened model does not have. */
export function fitLink(link: Link, { config, saes }: Opened): Link {
  const parts = saes.map(({ hook, dSae }) => (dSae > 0 ? { hookName: hook, dSae } : undefined))
  const exists = (change: Change): boolean => lackedBy({ config, saes: parts }, change) === undefined
  const { head, compare, feature, neuron } = link
  return {
    ...link,
    token: link.token !== null && link.token < config.nCtx ? link.token : null,
    head: exists({ kind: 'head', ...head }) ? head : START.head,
    compare: Math.max(...compare) < config.nLayers ? compare : [0, config.nLayers - 1],
    feature: feature && exists({ kind: 'off', ...feature }) ? feature : null,
    neuron: neuron && exists({ kind: 'neuron', ...neuron }) ? neuron : null,
    edit: link.edit.filter(exists),
    patch:
      link.patch && Math.max(link.patch.target ?? 0, link.patch.against ?? 0) < config.dVocab
        ? link.patch
        : null,
    library: (link.library.layer ?? 0) < saes.length ? link.library : ALL,
  }
}
