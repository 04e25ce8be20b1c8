// `npm run feature`: what a direction promotes and which are near it, in a model and an SAE made by hand.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createBackend } from '../../engine/backends.ts'
import { Tensor } from '../../engine/tensor.ts'
import { readTensor, sourceOf, type WeightStore } from '../../engine/weights/weights.ts'
import { decoderRows } from '../../sae/decoder.ts'
import { logitLens, nearestFeatures } from '../../experiments/lab/analysis/features/directions.ts'
import { loadGpt2 } from '../../gpt2/model.ts'
import { syntheticWeights } from '../../gpt2/synthetic/weights.ts'
import { randomTensor } from '../helpers/random.ts'
import { smallConfig } from '../helpers/small-gpt2.ts'
import { randomSaeTensors, saeOf } from '../helpers/small-sae.ts'

const ops = await createBackend('reference')
const { dModel, dVocab } = smallConfig

/** The small model's weights, some of them replaced. */
function weightsWith(changes: Readonly<Record<string, Tensor>>): WeightStore {
  const store = syntheticWeights(smallConfig)
  return {
    ...store,
    names: () => store.names(),
    get: (name) => (Object.hasOwn(changes, name) ? sourceOf(name, changes[name]) : store.get(name)),
    close: async () => {},
  }
}

/** A matrix of zeros but for the numbers given as [row, column, value]. */
function planted(shape: [number, number], entries: readonly [number, number, number][]): Tensor {
  const tensor = Tensor.zeros(shape)
  for (const [row, column, value] of entries) tensor.row(row)[column] = value
  return tensor
}

const near = (actual: number, expected: number, limit = 1e-5) =>
  assert.ok(Math.abs(actual - expected) <= limit, `${actual}, expected ${expected}`)

const lens = suite('logit lens')

lens('promotes the token that the direction was made for, suppresses the opposite one', async () => {
  // Token 7 reads dimension 2 less 3, token 9 the reverse: rows of mean zero, so that centring changes nothing.
  const wte = planted(
    [dVocab, dModel],
    [
      ...([
        [7, 2, 1],
        [7, 3, -1],
      ] as [number, number, number][]),
      ...([
        [9, 2, -1],
        [9, 3, 1],
      ] as [number, number, number][]),
    ],
  )
  const store = weightsWith({ 'wte.weight': wte, 'ln_f.weight': Tensor.of([dModel], Array(dModel).fill(1)) })
  const model = await loadGpt2(ops, store, smallConfig)
  const direction = planted(
    [2, dModel],
    [
      [0, 2, 3],
      [1, 3, 2],
    ],
  )
  const [up, down] = await logitLens(model, direction, 3)
  assert.equal([up.promoted[0].id, up.suppressed[0].id], [7, 9])
  assert.equal([down.promoted[0].id, down.suppressed[0].id], [9, 7])
  near(up.promoted[0].logit, 3)
  near(up.suppressed[0].logit, -3)
  near(up.promoted[1].logit, 0)
})

lens('scales by ln_f.weight, and leaves out its bias and whatever all dimensions share', async () => {
  // By wte alone token 11 would win; ln_f.weight makes it token 12; the bias alone would make it token 13.
  const wte = planted(
    [dVocab, dModel],
    [
      [11, 1, 1.5],
      [12, 2, 1],
      [13, 3, 1],
    ],
  )
  const ones = Array.from({ length: dModel }, (_, i) => (i === 2 ? 4 : 1))
  const bias = planted([1, dModel], [[0, 3, 100]]).reshape([dModel])
  const store = weightsWith({
    'wte.weight': wte,
    'ln_f.weight': Tensor.of([dModel], ones),
    'ln_f.bias': bias,
  })
  const model = await loadGpt2(ops, store, smallConfig)
  const direction = planted(
    [1, dModel],
    [
      [0, 1, 1],
      [0, 2, 1],
    ],
  )
  const [found] = await logitLens(model, direction, 2)
  assert.equal(
    found.promoted.map(({ id }) => id),
    [12, 11],
  )
  const [shifted] = await logitLens(
    model,
    Tensor.of(
      [1, dModel],
      direction.data.map((x) => x + 5),
    ),
    2,
  )
  near(shifted.promoted[0].logit, found.promoted[0].logit)
})

lens('gives the numbers of the formula, worked out in float64', async () => {
  const store = weightsWith({})
  const model = await loadGpt2(ops, store, smallConfig)
  const wte = await readTensor(store.get('wte.weight'))
  const weight = await readTensor(store.get('ln_f.weight'))
  const directions = randomTensor([3, dModel], 5)
  const found = await logitLens(model, directions, dVocab)
  for (const [i, { promoted, suppressed }] of found.entries()) {
    const row = Array.from(directions.row(i))
    const mean = row.reduce((sum, x) => sum + x) / dModel
    const logits = Array.from({ length: dVocab }, (_, id) =>
      row.reduce((sum, x, d) => sum + (x - mean) * weight.data[d] * wte.row(id)[d], 0),
    )
    const offset = logits.reduce((sum, x) => sum + x) / dVocab
    const order = [...logits.keys()].sort((a, b) => logits[b] - logits[a])
    assert.equal(
      promoted.map(({ id }) => id),
      order,
    )
    assert.equal(
      suppressed.map(({ id }) => id),
      order.toReversed(),
    )
    for (const { id, logit } of [...promoted, ...suppressed]) near(logit, logits[id] - offset)
  }
})
lens.run()

const directions = suite('decoder directions')

directions(
  'nearest are the rows that point the same way, whatever their length; a row of zeros points nowhere',
  async () => {
    const [dIn, dSae] = [6, 2100]
    const tensors = randomSaeTensors(dIn, dSae, 3)
    const { W_dec } = tensors
    W_dec.row(2050).set(W_dec.row(30).map((x) => 7 * x))
    W_dec.row(1).set(W_dec.row(30).map((x) => -x))
    W_dec.row(2).fill(0)
    const sae = await saeOf(ops, tensors)
    assert.equal([...(await decoderRows(sae, [30, 2])).data], [...W_dec.row(30), ...W_dec.row(2)])
    // More than are read at once.
    const many = Array.from({ length: 1030 }, (_, i) => i % 31)
    const rows = await decoderRows(sae, many)
    assert.ok(many.every((feature, i) => rows.row(i).join() === W_dec.row(feature).join()))
    const [list, none] = await nearestFeatures(sae, [30, 2], dSae)
    assert.is(list[0].feature, 2050)
    near(list[0].cosine, 1)
    assert.is(list.at(-1)?.feature, 1)
    near(list.at(-1)!.cosine, -1)
    assert.is(list.length, dSae - 2, 'all but itself and the row of zeros')
    assert.equal(none, [])
    const norm = (x: Float32Array) => Math.hypot(...x)
    for (const { feature, cosine } of list.slice(0, 20)) {
      const dot = W_dec.row(30).reduce((sum, x, i) => sum + x * W_dec.row(feature)[i], 0)
      near(cosine, dot / norm(W_dec.row(30)) / norm(W_dec.row(feature)))
    }
    const [few] = await nearestFeatures(sae, [30], 4)
    assert.equal(few, list.slice(0, 4))
  },
)
directions.run()
