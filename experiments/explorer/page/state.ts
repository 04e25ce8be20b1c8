// All that the page knows, and how each action changes it.
import type { ModelFolder } from '../folder/model-folder.ts'
import type { Change, FeatureRef } from '../../lab/models/changes.ts'
import type { Answer, Card, Ending, Failure, NeuronCard, Opened, Side, Token, Why } from '../protocol.ts'
import { pairAnswered, pairKept, type PairState } from './pair-state.ts'
import type { LibraryPage } from '../library-search.ts'
import { cleanText, decodeLink, fitLink, lostFields, type Link } from './link.ts'
import type { ShownRun } from './text-run.ts'

/** All that the page knows. */
export interface State extends PairState {
  readonly link: Link
  /** Parts of the address that were not understood, or that this model does not have; until something else is chosen. */
  readonly refused: readonly string[]
  /** Counts the entries in the browser's history: a new number means a new entry. */
  readonly entry: number
  readonly hover: Hover
  /** Counts the workers: a new number means a new worker. */
  readonly worker: number
  /** The person's own model; null for the bundled one. */
  readonly folder: ModelFolder | null
  readonly opened: Opened | null
  readonly progress: Extract<Answer, { type: 'progress' }> | null
  /** The id of the run requested last: answers to older ones are ignored. */
  readonly asked: number | null
  /** How many of its layers have been read while it is under way. */
  readonly layersRead: number | null
  /** The last complete run. */
  readonly run: ShownRun | null
  /** The run that was painted last, and the milliseconds since the change that asked for it. */
  readonly painted: { readonly id: number; readonly ms: number } | null
  /** Why there is no engine, or no run. */
  readonly failure: Failure | null
  readonly card: OpenCard | null
  /** Whether the library of features has come into sight: it is fetched only then. */
  readonly librarySeen: boolean
  readonly library: OpenLibrary | null
  /** The continuations of the text, with the edit and without. */
  readonly writing: ShownWriting | null
  readonly neuron: OpenNeuron | null
  /** The explanation of a next token. */
  readonly why: OpenWhy | null
}

export interface Hover {
  readonly token: number | null
  readonly feature: FeatureRef | null
}

/** The card that was requested, and the result. */
export interface OpenCard {
  readonly id: number
  readonly card: Card | null
  readonly failure: Failure | null
}

/** The neuron's card requested last; until it arrives, the previous one stays. */
export interface OpenNeuron {
  readonly id: number
  readonly card: NeuronCard | null
  readonly failure: Failure | null
}

/** The explanation requested last; until it arrives, the previous one stays. */
export interface OpenWhy {
  readonly id: number
  readonly busy: boolean
  readonly why: Why | null
  /** The run that `why` is about: a newer one may be shorter. */
  readonly run: ShownRun | null
  /** The position that `why` is about, and the one requested. */
  readonly position: number
  readonly asked: number
  readonly failure: Failure | null
  /** How many parts are to be taken out, and what the logit loses without each of those taken out so far. */
  readonly wanted: number
  readonly losses: readonly { readonly change: Change; readonly loss: number }[]
}

/** The search of the library requested last; while it is under way, the results of the previous one. */
export interface OpenLibrary {
  readonly id: number
  readonly found: LibraryPage | null
  readonly failure: Failure | null
}

/** Continuations, finished or under way. */
export interface ShownWriting {
  readonly id: number
  readonly phase: 'writing' | 'paused'
  /** First that of the model as it is; then, if there is an edit, that with it. */
  readonly sides: readonly { readonly side: Side; readonly tokens: readonly Token[] }[]
  readonly endings: Readonly<Partial<Record<Side, Ending | null>>>
  readonly failure: Failure | null
}

export type Action =
  /** The address was opened, or changed by hand or by going back. */
  | { readonly type: 'linked'; readonly hash: string }
  /** `passing`: one of many key presses or slider steps, which Back skips. */
  | { readonly type: 'choose'; readonly choice: Partial<Link>; readonly passing?: boolean }
  | { readonly type: 'hover'; readonly hover: Partial<Hover> }
  | { readonly type: 'restart' }
  /** Another model: from a folder, or the bundled one. */
  | { readonly type: 'model'; readonly folder: ModelFolder | null }
  | { readonly type: 'asked'; readonly id: number }
  | { readonly type: 'painted'; readonly id: number; readonly ms: number }
  | { readonly type: 'asked-card'; readonly id: number }
  | { readonly type: 'library-seen' }
  | { readonly type: 'asked-library'; readonly id: number }
  | { readonly type: 'asked-writing'; readonly id: number }
  | { readonly type: 'asked-pair'; readonly id: number }
  | { readonly type: 'asked-patch'; readonly id: number }
  | { readonly type: 'asked-neuron'; readonly id: number }
  | { readonly type: 'asked-why'; readonly id: number; readonly position: number }
  | { readonly type: 'asked-without'; readonly wanted: number }
  | { readonly type: 'answer'; readonly answer: Answer }

export type Dispatch = (action: Action) => void

type Phase = 'loading' | 'ready' | 'running' | 'failed'

const NO_HOVER: Hover = { token: null, feature: null }

export function startState(hash: string): State {
  return {
    ...freshWorker(0),
    ...decodeLink(hash),
    entry: 0,
    folder: null,
    librarySeen: false,
    hover: NO_HOVER,
    run: null,
    painted: null,
  }
}

/** The state that a new worker starts with. */
function freshWorker(worker: number) {
  return {
    worker,
    opened: null,
    progress: null,
    asked: null,
    layersRead: null,
    failure: null,
    card: null,
    pair: null,
    patching: null,
    library: null,
    writing: null,
    neuron: null,
    why: null,
  }
}

/** In one word, what the page is doing. */
export function phaseOf({ failure, opened, run, asked }: State): Phase {
  if (failure !== null) return 'failed'
  if (opened === null) return 'loading'
  return run !== null && run.id === asked ? 'ready' : 'running'
}

export function reduce(state: State, action: Action): State {
  switch (action.type) {
    case 'linked': {
      const { link, refused } = decodeLink(action.hash)
      return relink({ ...state, refused }, link)
    }
    case 'choose': {
      const entry = state.entry + (action.passing ? 0 : 1)
      return relink({ ...state, entry, refused: [] }, { ...state.link, ...action.choice })
    }
    case 'hover':
      return { ...state, hover: { ...state.hover, ...action.hover } }
    case 'restart':
      return { ...state, ...freshWorker(state.worker + 1) }
    case 'model':
      return { ...state, ...freshWorker(state.worker + 1), folder: action.folder, refused: [] }
    case 'asked':
      return { ...state, asked: action.id, layersRead: null, failure: null }
    case 'painted':
      return { ...state, painted: { id: action.id, ms: action.ms } }
    case 'asked-card':
      return { ...state, card: { id: action.id, card: null, failure: null } }
    case 'library-seen':
      return { ...state, librarySeen: true }
    case 'asked-library':
      return { ...state, library: { id: action.id, found: state.library?.found ?? null, failure: null } }
    case 'asked-writing':
      return { ...state, writing: writingOf(state, action.id) }
    case 'asked-pair':
      return { ...state, pair: { own: null, run: null, ...state.pair, id: action.id, failure: null } }
    case 'asked-patch':
      return { ...state, patching: { id: action.id, start: null, rows: [], failure: null } }
    case 'asked-neuron':
      return { ...state, neuron: { id: action.id, card: state.neuron?.card ?? null, failure: null } }
    case 'asked-why':
      return { ...state, why: whyAsked(state.why, action) }
    case 'asked-without':
      return state.why === null ? state : { ...state, why: { ...state.why, wanted: action.wanted } }
    case 'answer':
      return answered(state, action.answer)
  }
}

function whyAsked(before: OpenWhy | null, { id, position }: { id: number; position: number }): OpenWhy {
  const { why = null, run = null, position: shown = position } = before ?? {}
  return { id, busy: true, why, run, position: shown, asked: position, failure: null, wanted: 0, losses: [] }
}

/** A new continuation; or, if requested again under its id, the one that goes on. */
function writingOf({ writing, link }: State, id: number): ShownWriting {
  if (writing?.id === id) return { ...writing, phase: 'writing' }
  const sides: Side[] = link.edit.length > 0 ? ['plain', 'edited'] : ['plain']
  return {
    id,
    phase: 'writing',
    sides: sides.map((side) => ({ side, tokens: [] })),
    endings: {},
    failure: null,
  }
}

/** What a continuation depends on; a change of it ends the continuation. */
function writtenFrom({ text, edit, sampling }: Link): string {
  return JSON.stringify([text, edit, sampling])
}

/** Another choice; another backend means another worker. */
function relink(state: State, wanted: Link): State {
  const card = wanted.feature === null ? null : state.card
  const why = wanted.why === null ? null : state.why
  const { layer, neuron: number } = wanted.neuron ?? {}
  const same = state.neuron?.card?.layer === layer && state.neuron?.card?.neuron === number
  const neuron = same ? state.neuron : null
  const writing = writtenFrom(wanted) === writtenFrom(state.link) ? state.writing : null
  const chosen = fit({
    ...state,
    link: { ...wanted, text: cleanText(wanted.text) },
    card,
    writing,
    why,
    neuron,
    ...pairKept(state, wanted),
  })
  return wanted.backend === state.link.backend ? chosen : { ...chosen, ...freshWorker(state.worker + 1) }
}

/** Removes from the link what the model does not have, and says so. */
function fit(state: State): State {
  if (state.opened === null) return state
  const link = fitLink(state.link, state.opened)
  return { ...state, link, refused: [...state.refused, ...lostFields(state.link, link)] }
}

function answered(state: State, answer: Answer): State {
  switch (answer.type) {
    case 'progress':
      return { ...state, progress: answer }
    case 'opened':
      return fit({ ...state, opened: answer.opened, progress: null })
    case 'layer':
      return answer.id === state.asked ? { ...state, layersRead: answer.done } : state
    case 'run': {
      if (answer.id !== state.asked || state.opened === null) return state
      const run: ShownRun = { ...answer.run, id: answer.id, opened: state.opened }
      return { ...state, run, layersRead: null, hover: NO_HOVER }
    }
    case 'card':
      return answer.id === state.card?.id
        ? { ...state, progress: null, card: { ...state.card, card: answer.card } }
        : state
    case 'neuron':
      return answer.id === state.neuron?.id
        ? { ...state, neuron: { ...state.neuron, card: answer.card } }
        : state
    case 'why': {
      if (answer.id !== state.why?.id) return state
      const { run, why } = state
      return { ...state, why: { ...why, busy: false, why: answer.why, run, position: why.asked } }
    }
    case 'without': {
      if (answer.id !== state.why?.id) return state
      return { ...state, why: { ...state.why, losses: [...state.why.losses, answer] } }
    }
    case 'library':
      return answer.id === state.library?.id
        ? { ...state, library: { id: answer.id, found: answer.found, failure: null } }
        : state
    case 'written':
    case 'paused':
      return answer.id === state.writing?.id ? { ...state, writing: writtenOn(state.writing, answer) } : state
    case 'pair':
    case 'patching':
    case 'patched':
      return { ...state, ...pairAnswered(state, answer) }
    case 'failed':
      return failed(state, answer)
  }
}

function writtenOn(
  writing: ShownWriting,
  answer: Extract<Answer, { type: 'written' | 'paused' }>,
): ShownWriting {
  if (answer.type === 'paused') return { ...writing, phase: 'paused', endings: answer.endings }
  const sides = writing.sides.map((one) =>
    one.side === answer.side ? { ...one, tokens: [...one.tokens, answer.token] } : one,
  )
  return { ...writing, sides }
}

function failed(state: State, { id, failure }: Extract<Answer, { type: 'failed' }>): State {
  if (id !== undefined && id === state.card?.id) return { ...state, card: { ...state.card, failure } }
  if (id !== undefined && id === state.neuron?.id) return { ...state, neuron: { ...state.neuron, failure } }
  if (id !== undefined && id === state.why?.id)
    return { ...state, why: { ...state.why, busy: false, failure } }
  if (id !== undefined && id === state.library?.id)
    return { ...state, library: { ...state.library, failure } }
  if (id !== undefined && id === state.writing?.id)
    return { ...state, writing: { ...state.writing, phase: 'paused', failure } }
  if (id !== undefined && id === state.pair?.id) return { ...state, pair: { ...state.pair, failure } }
  if (id !== undefined && id === state.patching?.id)
    return { ...state, patching: { ...state.patching, failure } }
  // A fault of a run that is no longer wanted does not matter.
  if (id !== undefined && id !== state.asked) return state
  // A fault that belongs to no run is the worker's: nothing more will come from it.
  return {
    ...state,
    failure,
    layersRead: null,
    progress: null,
    opened: id === undefined ? null : state.opened,
  }
}

/** The token that everything is shown for: the hovered one, else the chosen one, else the last. */
export function tokenShown({ run, hover, link }: State): number {
  return clampToken(run, hover.token ?? link.token)
}

/** A position of the run; null is its last. */
export function clampToken(run: ShownRun | null, token: number | null): number {
  const last = (run?.tokens.length ?? 1) - 1
  return Math.min(token ?? last, last)
}
