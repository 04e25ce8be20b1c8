import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createBackend } from '../../engine/backends.ts'
import { positiveEntries, sparseRow } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { captureStreams, encodeStream } from '../../experiments/lab/models/features.ts'
import { openModel } from '../../experiments/lab/models/models.ts'
import { loadTexts } from '../../experiments/lab/texts/texts-node.ts'
import { decodeSparse, encodeSparse } from '../../experiments/explorer/sparse-file.ts'
import type { Card } from '../../experiments/explorer/protocol.ts'
import { explainFromTexts } from '../../experiments/feature/explain-from-texts.ts'
import { startSession } from '../helpers/explorer.ts'

const TEXTS = new URL('../../experiments/lab/texts/texts.json', import.meta.url)

const ops = await createBackend('wasm')
const model = await openModel('tiny', ops, { quiet: true })
const labelled = await loadTexts(TEXTS.pathname)
const ids = labelled.map(({ text }) => model.tokenize(text))

/** What npm run feature finds. */
async function explained(layer: number, feature: number) {
  const hooks = model.saeHooks.slice(layer, layer + 2)
  const [found] = await explainFromTexts(model, ids, hooks, [feature], true)
  return found
}

async function cardsOn(backend: string, wanted: readonly (readonly [layer: number, feature: number])[]) {
  const { ask, of } = startSession()
  await ask({ type: 'open', backend: { name: backend } })
  for (const [id, [layer, feature]] of wanted.entries()) await ask({ type: 'card', id, layer, feature })
  assert.equal(of('failed'), [])
  return of('card').map(({ card }) => card)
}

const test = suite('explorer cards')

test('a card on wasm is what npm run feature finds', async () => {
  for (const [layer, feature] of [
    [0, 12],
    [3, 5],
    [5, 700],
  ] as const) {
    const [card] = await cardsOn('wasm', [[layer, feature]])
    const { dashboard } = await explained(layer, feature)
    assert.equal(card.dashboard, dashboard)
  }
})

test('on another backend the same features fire, and what is computed there agrees', async () => {
  const [card] = await cardsOn('reference', [[3, 5]])
  const { dashboard } = await explained(3, 5)
  const rounded = ({ dashboard: { promoted, nearest, ...rest } }: Pick<Card, 'dashboard'>) => ({
    ...rest,
    promoted: promoted.map(({ id, logit }) => [id, logit.toFixed(3)]),
    suppressed: rest.suppressed.map(({ id, logit }) => [id, logit.toFixed(3)]),
    nearest: nearest.map(({ feature, cosine }) => [feature, cosine.toFixed(4)]),
  })
  assert.equal(rounded(card), rounded({ dashboard }))
})

test('its texts are the strongest, each with the tokens on which the feature fires', async () => {
  const [card] = await cardsOn('wasm', [[3, 5]])
  const { dashboard, column } = await explained(3, 5)
  assert.is(card.texts.length, Math.min(10, dashboard.firing_texts.length))
  for (const [place, { text, index, mean, firing }] of card.texts.entries()) {
    assert.equal([index, mean], [dashboard.firing_texts[place].text, dashboard.firing_texts[place].mean])
    assert.is(text.category, labelled[index].category)
    // A token that ends inside a character also shows the bytes that it ends in.
    assert.is(
      text.pieces
        .slice(1)
        .join('')
        .replace(/⟨[0-9a-f ]+⟩/g, ''),
      labelled[index].text,
    )
    const positions = firing.filter((_, i) => i % 2 === 0)
    assert.equal(
      positions,
      [...column[index].keys()].filter((token) => column[index][token] > 0),
    )
    assert.is(firing[1], Number(column[index][positions[0]].toPrecision(3)))
  }
})

test('a feature that fires nowhere has a card without texts', async () => {
  const stream = (await captureStreams(model.gpt2, ids, [model.saeHooks[0]])).get(model.saeHooks[0])!
  const sae = await model.openSae(model.saeHooks[0])
  const fires = new Set((await encodeStream(ops, sae, stream)).indices)
  const silent = Array.from({ length: 1024 }, (_, feature) => feature).find((feature) => !fires.has(feature))!
  const [card] = await cardsOn('wasm', [[0, silent]])
  assert.equal([card.dashboard.max, card.dashboard.firing_texts, card.texts], [null, [], []])
  assert.is(card.dashboard.promoted.length, 10)
})

test('sparse rows come back from their file as they were', async () => {
  const rows = positiveEntries(
    Tensor.of([4, 5], [0, 1.5, 0, 0, 2, 0, 0, 0, 0, 0, 3e-9, 0, 0, 0, 0, 1, 2, 3, 4, 5]),
  )
  const back = await decodeSparse('rows', new Uint8Array(await encodeSparse(rows)))
  assert.equal(back, rows)
  assert.equal(sparseRow(back, 1).values.length, 0)
})

test.run()
