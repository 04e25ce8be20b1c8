import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { START, type Link } from '../../experiments/explorer/page/link.ts'
import { partingOf } from '../../experiments/explorer/page/writing.ts'
import {
  clampToken,
  phaseOf,
  reduce,
  startState,
  tokenShown,
  type Action,
  type ShownWriting,
  type State,
} from '../../experiments/explorer/page/state.ts'
import type { Answer, Card, Failure, Side, Token } from '../../experiments/explorer/protocol.ts'
import { OPENED, toyRun } from '../helpers/explorer-run.ts'

const toy = toyRun([' one', ' two'])
const FAILURE: Failure = { kind: 'text', message: 'too long', advice: 'shorten it' }

const answer = (given: Answer): Action => ({ type: 'answer', answer: given })
const run = (state: State, ...actions: readonly Action[]): State => actions.reduce(reduce, state)
const choose = (choice: Partial<Link>): Action => ({ type: 'choose', choice })
const asked = (id: number): Action => ({ type: 'asked', id })
const opened = run(startState(''), answer({ type: 'opened', opened: OPENED }))

/** What a run answers, in its order. */
const parts = (id: number): Action[] => [
  answer({ type: 'layer', id, done: 0 }),
  answer({ type: 'layer', id, done: 1 }),
  answer({ type: 'run', id, run: toy }),
]
const seen = run(opened, asked(1), ...parts(1))

const test = suite('explorer page: state')

test('from loading over running to ready', () => {
  assert.is(phaseOf(startState('')), 'loading')
  assert.is(phaseOf(opened), 'running')
  assert.is(phaseOf(seen), 'ready')
  assert.equal(seen.run?.layers, toy.layers)
  assert.is(seen.run?.opened, OPENED)
})

test('the former run stays until the next one is whole', () => {
  const [first, second, end] = parts(2)
  const coming = run(seen, asked(2), first, second)
  assert.is(coming.run, seen.run)
  assert.is(coming.layersRead, 1)
  assert.is(phaseOf(coming), 'running')
  assert.is(run(coming, end).run?.id, 2)
  assert.is(run(coming, end).layersRead, null)
})

test('answers to an older run change nothing, nor does its fault', () => {
  const later = run(seen, asked(3))
  for (const old of [...parts(2), answer({ type: 'failed', id: 2, failure: FAILURE })])
    assert.is(reduce(later, old), later)
})

test('an older run that comes between the new one’s layers does not mix in', () => {
  const [first, second, end] = parts(3)
  const [, oldLayer, oldEnd] = parts(2)
  const mixed = run(seen, asked(3), first, oldLayer, oldEnd)
  assert.is(mixed.layersRead, 0)
  assert.is(mixed.run, seen.run)
  assert.is(run(mixed, second, end).run?.id, 3)
})

test('a run that fails says why, keeps the former one, and the next may do better', () => {
  const failed = run(seen, asked(2), answer({ type: 'failed', id: 2, failure: FAILURE }))
  assert.is(phaseOf(failed), 'failed')
  assert.is(failed.run, seen.run)
  assert.is(failed.opened, OPENED)
  const better = run(failed, asked(3))
  assert.is(better.failure, null)
  assert.is(phaseOf(better), 'running')
})

test('a worker that fails is not asked again: no model is open any more', () => {
  const failed = run(seen, answer({ type: 'failed', failure: { ...FAILURE, kind: 'internal' } }))
  assert.is(failed.opened, null)
  assert.is(phaseOf(failed), 'failed')
  const again = run(failed, { type: 'restart' })
  assert.is(phaseOf(again), 'loading')
  assert.is(again.worker, seen.worker + 1)
  assert.is(again.run, seen.run)
})

test('another backend is another worker, the same one is not', () => {
  assert.is(run(seen, choose({ backend: seen.link.backend, token: 1 })).worker, seen.worker)
  const other = run(seen, choose({ backend: 'reference' }))
  assert.is(other.worker, seen.worker + 1)
  assert.is(other.opened, null)
  assert.is(other.run, seen.run)
})

test('what a link says wrongly, or this model does not have, is named until something else is chosen', () => {
  const linked = startState('#text=x&feature=1-2-3&head=1-7')
  assert.equal(linked.refused, ['feature=1-2-3'])
  const known = run(linked, answer({ type: 'opened', opened: OPENED }))
  assert.equal(known.refused, ['feature=1-2-3', 'head=1-7'])
  assert.equal(run(known, choose({ token: 1 })).refused, [])
  assert.equal(run(known, { type: 'linked', hash: '#edit=off-9-9' }).refused, ['edit=off-9-9'])
})

test('a choice is an entry in the history; a key, a slider’s step and another address are none', () => {
  const chosen = run(seen, choose({ token: 1 }))
  assert.is(chosen.entry, seen.entry + 1)
  assert.is(run(chosen, { type: 'choose', choice: { text: 'a' }, passing: true }).entry, chosen.entry)
  const back = run(chosen, { type: 'linked', hash: '#text=a&token=2' })
  assert.equal([back.entry, back.link.token, back.link.text], [chosen.entry, 2, 'a'])
})

test('choices are cleaned, and fitted to the model once it is there', () => {
  const far = { layer: 40, feature: 1 }
  const before = run(startState(''), choose({ text: 'a\r\nb\ud800', feature: far }))
  assert.is(before.link.text, 'a\nb\ufffd')
  assert.equal(before.link.feature, far)
  assert.is(run(before, answer({ type: 'opened', opened: OPENED })).link.feature, null)
  assert.is(run(opened, choose({ feature: far })).link.feature, null)
})

test('a card is shown if it is the one asked for, and goes with its feature', () => {
  const card = { texts: [] } as unknown as Card
  const open = run(seen, choose({ feature: { layer: 1, feature: 2 } }), { type: 'asked-card', id: 7 })
  assert.is(run(open, answer({ type: 'card', id: 6, card })).card?.card, null)
  const shown = run(open, answer({ type: 'card', id: 7, card }))
  assert.is(shown.card?.card, card)
  assert.is(run(shown, choose({ feature: null })).card, null)
  const failed = run(open, answer({ type: 'failed', id: 7, failure: { ...FAILURE, kind: 'card' } }))
  assert.is(failed.card?.failure?.kind, 'card')
  assert.is(phaseOf(failed), 'ready')
})

test('everything is about the hovered token, else the chosen one, else the last, and of a shorter text its end', () => {
  assert.is(tokenShown(seen), 2)
  const chosen = run(seen, choose({ token: 1 }))
  assert.is(tokenShown(chosen), 1)
  assert.is(tokenShown(run(chosen, { type: 'hover', hover: { token: 0 } })), 0)
  assert.is(clampToken(toy, 9), 2)
  assert.is(clampToken(null, 9), 0)
})

test('a writing grows token by token, pauses, goes on, and ends with what it was written from', () => {
  const token = (id: number): Token => ({ id, piece: 'x', shown: 'x' })
  const written = (side: Side, id: number): Action =>
    answer({ type: 'written', id: 5, side, token: token(id) })
  const changed = run(seen, choose({ edit: [{ kind: 'head', layer: 0, head: 1 }] }))
  const begun = run(changed, { type: 'asked-writing', id: 5 }, written('plain', 1), written('edited', 2))
  assert.equal(
    begun.writing?.sides.map(({ side, tokens }) => [side, tokens.map(({ id }) => id)]),
    [
      ['plain', [1]],
      ['edited', [2]],
    ],
  )
  assert.is(partingOf(begun.writing!), 0)
  assert.is(reduce(begun, answer({ type: 'written', id: 4, side: 'plain', token: token(3) })), begun)
  const paused = run(begun, answer({ type: 'paused', id: 5, endings: { plain: null, edited: 'end' } }))
  assert.is(paused.writing?.phase, 'paused')
  const on = run(paused, { type: 'asked-writing', id: 5 })
  assert.equal([on.writing?.phase, on.writing?.sides[0].tokens.length], ['writing', 1])
  const failed = run(on, answer({ type: 'failed', id: 5, failure: FAILURE }))
  assert.equal([failed.writing?.failure, failed.failure], [FAILURE, null])
  assert.is(run(on, choose({ token: 1 })).writing, on.writing)
  for (const choice of [{ text: 'y' }, { edit: [] }, { sampling: { ...START.sampling, seed: 1 } }])
    assert.is(run(on, choose(choice)).writing, null)
})

test('sides part at the first token that differs, or where one of them has ended', () => {
  const side = (...ids: number[]) => ids.map((id): Token => ({ id, piece: '', shown: '' }))
  const of = (plain: Token[], edited: Token[], endings: ShownWriting['endings']) =>
    partingOf({
      sides: [
        { side: 'plain', tokens: plain },
        { side: 'edited', tokens: edited },
      ],
      endings,
      phase: 'paused',
    })
  assert.is(of(side(1, 2, 3), side(1, 4, 3), {}), 1)
  assert.is(of(side(1, 2), side(1, 2), { plain: null, edited: null }), null)
  assert.is(of(side(1, 2, 3), side(1, 2), { plain: null, edited: null }), null) // the other is still to come
  assert.is(of(side(1, 2, 3), side(1, 2), { plain: null, edited: 'end' }), 2)
})

test.run()
