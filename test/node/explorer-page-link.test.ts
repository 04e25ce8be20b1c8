import fc from 'fast-check'
import { suite } from 'uvu'
import { PATCHED } from '../../experiments/lab/analysis/intervene.ts'
import * as assert from 'uvu/assert'
import { cleanCoefficient, type Change } from '../../experiments/lab/models/changes.ts'
import { backends } from '../../engine/backends.ts'
import { BACKENDS, DEFAULT_BACKEND } from '../../experiments/explorer/page/backends.ts'
import {
  cleanText,
  decodeLink,
  encodeLink,
  fitLink,
  lostFields,
  LONGEST_TEXT,
  START,
  type Link,
} from '../../experiments/explorer/page/link.ts'
import {
  cleanNumber,
  correction,
  SAMPLING_FIELDS,
  USUAL_SAMPLING,
  readSampling,
} from '../../experiments/explorer/page/sampling.ts'
import { DECAYS, readToy, USUAL_TOY } from '../../experiments/explorer/page/toy-link.ts'
import { PRESENT } from '../../experiments/lab/analysis/superposition/toy.ts'
import type { Sampling } from '../../experiments/explorer/protocol.ts'
import { ALL, BY, cleanWords, ORDERS, type LibraryQuery } from '../../experiments/explorer/library-query.ts'
import { OPENED } from '../helpers/explorer-run.ts'

const whole = fc.integer({ min: 0, max: 999_999 })
const plain = { noNullPrototype: true }
const place = fc.record({ layer: whole, feature: whole }, plain)
const coefficient = fc.double({ min: 0, max: 9999, noNaN: true }).map(cleanCoefficient)
const anyText = fc.string({
  unit: fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('\r', '\n', '&', '=', '%', '+', '#', '\ud800'),
  ),
})

const changes: fc.Arbitrary<Change> = fc.oneof(
  place.map((at): Change => ({ ...at, kind: 'off' })),
  fc.tuple(place, coefficient).map(([at, by]): Change => ({ ...at, kind: 'up', coefficient: by })),
  fc.tuple(place, coefficient).map(([at, factor]): Change => ({ ...at, kind: 'scale', factor })),
  place.map(({ layer, feature }): Change => ({ kind: 'head', layer, head: feature })),
  place.map(({ layer, feature }): Change => ({ kind: 'neuron', layer, neuron: feature })),
)

/** As the page's fields leave them. */
const sampling = fc
  .tuple(...SAMPLING_FIELDS.map(({ min, max }) => fc.double({ min, max, noNaN: true })))
  .map((values): Sampling => ({
    ...USUAL_SAMPLING,
    ...Object.fromEntries(
      SAMPLING_FIELDS.map((field, i) => [field.name, cleanNumber(field, String(values[i]))]),
    ),
  }))

const token = fc.option(fc.oneof(whole, fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 })))
const library: fc.Arbitrary<LibraryQuery> = fc.record(
  {
    layer: fc.option(whole),
    by: fc.constantFrom(...BY),
    order: fc.constantFrom(...ORDERS),
    page: whole,
    words: anyText.map(cleanWords),
  },
  plain,
)

const links: fc.Arbitrary<Link> = fc.record(
  {
    text: anyText.map(cleanText),
    backend: fc.constantFrom(...BACKENDS.map(({ name }) => name)),
    token: fc.option(whole),
    head: fc.record({ layer: whole, head: whole }, plain),
    compare: fc.tuple(whole, whole),
    feature: fc.option(place),
    neuron: fc.option(place.map(({ layer, feature }) => ({ layer, neuron: feature }))),
    edit: fc.array(changes, { maxLength: 4 }),
    sampling,
    other: anyText.map(cleanText),
    patch: fc.option(
      fc.record(
        {
          site: fc.constantFrom(...PATCHED),
          into: fc.constantFrom('other' as const, 'text' as const),
          target: fc.option(whole),
          against: fc.option(whole),
        },
        plain,
      ),
    ),
    why: fc.option(fc.record({ target: token, against: token }, plain)),
    library,
    toy: fc.record(
      { present: fc.constantFrom(...PRESENT), decay: fc.constantFrom(...DECAYS), seed: whole },
      plain,
    ),
  },
  plain,
)

const test = suite('explorer page: links')

test('a link comes back as it went', () => {
  fc.assert(
    fc.property(links, (link) => assert.equal(decodeLink(`#${encodeLink(link)}`), { link, refused: [] })),
    { seed: 1, numRuns: 500 },
  )
})

/** What holds of every link, wherever it came from. */
function assertLink(link: Link): void {
  assert.is(link.text, cleanText(link.text))
  assert.ok(link.text.length <= LONGEST_TEXT && link.text.isWellFormed())
  assert.ok(BACKENDS.some(({ name }) => name === link.backend))
  const { head, compare, feature, edit } = link
  const numbers = [head.layer, head.head, ...compare]
  if (link.token !== null) numbers.push(link.token)
  if (feature !== null) numbers.push(feature.layer, feature.feature)
  for (const { kind, coefficient = 0, ...place } of edit as (Change & { coefficient?: number })[]) {
    numbers.push(...Object.values(place))
    if (kind === 'up') assert.is(coefficient, cleanCoefficient(coefficient))
  }
  for (const number of numbers)
    assert.ok(Number.isInteger(number) && number >= 0 && number < 1e6, String(number))
}

test('any string is a valid link', () => {
  const names = fc.constantFrom('text', 'backend', 'token', 'head', 'compare', 'feature', 'edit')
  const parts = fc.constantFrom(
    'off',
    'up',
    '-',
    '1',
    '12',
    '1.5',
    '1e9',
    '99999999',
    'NaN',
    ' ',
    '%',
    '%zz',
    'wasm',
    '-1',
  )
  const fields = fc.array(
    fc.tuple(
      names,
      fc.array(parts).map((list) => list.join('')),
    ),
  )
  const likely = fields.map((list) => list.map(([name, value]) => `${name}=${value}`).join('&'))
  const hashes = fc.oneof(
    likely,
    anyText,
    likely.map((hash) => `#${hash}`),
  )
  fc.assert(
    fc.property(hashes, (hash) => {
      const { link } = decodeLink(hash)
      assertLink(link)
      assert.equal(decodeLink(encodeLink(link)), { link, refused: [] })
    }),
    { seed: 2, numRuns: 1000 },
  )
})

test('an empty hash is the start, whose link says its text all the same', () => {
  assert.equal(decodeLink(''), { link: START, refused: [] })
  assert.is(encodeLink(START), new URLSearchParams({ text: START.text }).toString())
})

test('a link is written so that people can read it', () => {
  const link: Link = {
    ...{ text: 'a b', backend: 'gpujs:cpu', token: 2, head: { layer: 1, head: 3 }, compare: [0, 2] },
    feature: { layer: 1, feature: 40 },
    edit: [
      { layer: 1, feature: 40, kind: 'up', coefficient: 2.5 },
      { kind: 'head', layer: 0, head: 3 },
    ],
    sampling: { ...USUAL_SAMPLING, temperature: 0, topK: 5 },
    ...{ neuron: { layer: 2, neuron: 7 }, why: { target: ' range', against: 12 } },
    other: 'a c',
    patch: { site: 'hook_resid_pre', into: 'other', target: null, against: 7 },
    library: { layer: 3, by: 'promotes', order: 'rare', page: 2, words: ' a-b' },
    toy: { present: 0.05, decay: 0.9, seed: 12 },
  }
  assert.is(
    encodeLink(link),
    'text=a+b&backend=gpujs%3Acpu&token=2&head=1-3&compare=0-2&feature=1-40&neuron=2-7&edit=up-1-40-2.5%2Chead-0-3&sampling=0-5-1-0-60&other=a+c&patch=hook_resid_pre-other-likeliest-7&why=text-%2520range%2Cid-12&library=3-promotes-rare-2-+a-b&toy=0.05-0.9-12',
  )
})

test('what is not understood is refused whole, and named; the rest of the link holds', () => {
  for (const field of [
    ...['feature=1-2-3', 'feature=1', 'feature=1-', 'feature=-1-2', 'feature=1-2 ', 'feature=1-1234567'],
    ...['head=1', 'head=1-2-3', 'compare=1', 'compare=1-2-3', 'token=1-2', 'token=1.5', 'token=', 'token=x'],
    ...['patch=hook_q-other-1', 'patch=hook_resid_pre-there-1', 'patch=hook_resid_pre-other', 'patch=x'],
    ...['why=', 'why=id-1', 'why=id-1,text-', 'why=text-%,', 'neuron=1', 'neuron=1-x'],
    ...['backend=nope', 'constructor=1', '__proto__=1', 'Text=a'],
  ]) {
    const { link, refused } = decodeLink(`text=a+b&${field}&head=1-1`)
    assert.equal(refused.slice(0, 1), [field])
    const head = field.startsWith('head') ? START.head : { layer: 1, head: 1 }
    if (!field.startsWith('head=')) assert.equal(link, { ...START, text: 'a b', head }, field)
  }
})

test('of a field that stands twice the first counts, and the second is refused', () => {
  const { link, refused } = decodeLink('token=1&token=2')
  assert.equal([link.token, refused], [1, ['token=2']])
})

test('what the model does not have is named as it stands in the link', () => {
  const { link } = decodeLink('text=x&feature=1-999&edit=off-1-2&head=7-0')
  assert.equal(lostFields(link, fitLink(link, OPENED)), ['head=7-0', 'feature=1-999'])
  assert.equal(lostFields(link, link), [])
})

test('half an edit, or one too many, is none', () => {
  for (const edit of [
    'off',
    'off-1',
    'off-1-2-3',
    'up-1-2',
    'up-1-2-3-4',
    'up-1-2-',
    'up-1-2--3',
    'up-1-2-1e3',
    'on-1-2',
    'off-a-2',
    'head-1-2-3',
    'neuron-1',
    'off-1-2,',
    'off-1-2,head',
  ])
    assert.equal(decodeLink(`edit=${edit}`), { link: START, refused: [`edit=${edit}`] })
})

test('sampling that no field could hold is none, and a field brings what is typed within its limits', () => {
  for (const written of [
    '',
    '1-all-1-0',
    '1-all-1-0-60-1',
    '1-all-2-0-60',
    '-1-all-1-0-60',
    'x-all-1-0-60',
    '1-0-1-0-60',
    '1-all-1-0.5-60',
    '01-all-1-0-60',
  ])
    assert.is(readSampling(written), undefined, written)
  assert.equal(readSampling('0.7-40-0.95-4294967295-1'), {
    ...{ temperature: 0.7, topK: 40, topP: 0.95, seed: 4294967295, tokens: 1 },
  })
  const [temperature, topK, topP, seed] = SAMPLING_FIELDS
  assert.equal([cleanNumber(temperature, '-3'), cleanNumber(temperature, 'x')], [0, 0.8])
  assert.equal([cleanNumber(topK, ''), cleanNumber(topK, '2.6'), cleanNumber(topP, '0')], [null, 3, 0.001])
  assert.is(cleanNumber(seed, '1e99'), 4294967295)
})

test('a field says what it takes where it could not take what was typed, and else nothing', () => {
  const [temperature, topK, topP, seed] = SAMPLING_FIELDS
  const typed = [temperature, topK, topP, seed].map((field) => correction(field, '-3'))
  assert.equal(typed, [
    'Temperature takes a number of at most three decimals from 0 to 100. It is now 0.',
    'Top k takes a whole number from 1 to 999999. It is now 1.',
    'Top p takes a number of at most three decimals from 0.001 to 1. It is now 0.001.',
    'Seed takes a whole number from 0 to 4294967295. It is now 0.',
  ])
  assert.match(correction(topK, '1e999'), /It is now all\.$/)
  for (const written of ['', ' ', '1', '1.0']) assert.is(correction(temperature, written), '', written)
})

test('a toy that the page does not offer is none', () => {
  for (const written of [
    ...[
      '',
      '0.1',
      '0.1-0.9',
      '0.1-0.9-0-0',
      '0.11-0.9-0',
      '0.1-0.8-0',
      '0.1-0.9-',
      '0.1-0.9--1',
      '0.1-0.9-x',
    ],
    ...['.1-0.9-0', '0.1-.9-0', '0.1-0.9-00', '0.1-0.9-1e3', '0.1-0.9-1000000', '1e-1-0.9-0'],
  ])
    assert.is(readToy(written), undefined, written)
  assert.equal(readToy('0.1-0.9-7'), { present: 0.1, decay: 0.9, seed: 7 })
})

test('what the model does not have is left out of a link', () => {
  const link: Link = {
    ...{ text: 'x', backend: 'wasm', token: 16, head: { layer: 0, head: 2 }, compare: [0, 2] },
    other: 'y',
    patch: { site: 'attn.hook_z', into: 'text', target: OPENED.config.dVocab, against: null },
    ...{ sampling: USUAL_SAMPLING, why: { target: 3, against: null }, neuron: { layer: 0, neuron: 32 } },
    library: { ...ALL, layer: 2 },
    toy: { present: 0.1, decay: 1, seed: 999_999 },
    feature: { layer: 0, feature: 50 },
    edit: [
      { layer: 2, feature: 0, kind: 'off' },
      { kind: 'head', layer: 0, head: 2 },
      { kind: 'neuron', layer: 2, neuron: 0 },
    ],
  }
  const fitted = fitLink(link, OPENED)
  const none = {
    token: null,
    head: START.head,
    compare: [0, 1],
    feature: null,
    neuron: null,
    edit: [],
    patch: null,
    library: ALL,
  }
  assert.equal(fitted, { ...link, ...none })
  const kept: Link = {
    ...{ text: 'x', backend: 'wasm', token: 15, head: { layer: 1, head: 1 }, compare: [1, 0] },
    ...{ sampling: USUAL_SAMPLING, why: null, neuron: { layer: 1, neuron: 31 }, other: 'y' },
    patch: { site: 'attn.hook_z', into: 'text', target: OPENED.config.dVocab - 1, against: 0 },
    library: { ...ALL, layer: 1, words: 'x' },
    toy: USUAL_TOY,
    feature: { layer: 0, feature: 49 },
    edit: [
      { layer: 1, feature: 49, kind: 'off' },
      { kind: 'head', layer: 1, head: 1 },
    ],
  }
  assert.equal(fitLink(kept, OPENED), kept)
})

test('the page offers every backend there is, and starts with the default of the wasm engine', () => {
  assert.equal(BACKENDS.map(({ name }) => name).sort(), Object.keys(backends).sort())
  assert.is(DEFAULT_BACKEND, 'wasm')
  for (const { name, mostBytes } of BACKENDS) assert.is(mostBytes, backends[name].mostBytes)
})

test.run()
