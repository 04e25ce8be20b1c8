import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { positiveEntries, toDense } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { lossRecovered, QualityMeter } from '../../sae/metrics.ts'
import { meanFeatures, withoutBos } from '../../sae/pooling.ts'
import { syntheticSaeConfig, syntheticSaeLayers, syntheticSaeWeights } from '../../sae/synthetic/weights.ts'
import { checkSameBits, messageOf } from '../helpers/compare.ts'
import { anySeed, holds, randomTensor } from '../helpers/random.ts'

const test = suite('sae pooling and metrics')

test('synthetic SAEs: twelve layers, and the stream after them', async () => {
  assert.is(syntheticSaeConfig(12).hookName, 'blocks.11.hook_resid_post')
  assert.equal(syntheticSaeLayers, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])
  assert.is(syntheticSaeConfig(11).hookName, 'blocks.11.hook_resid_pre')
  for (const layer of [-1, 13, 1.5])
    assert.is(
      await messageOf(() => syntheticSaeWeights(layer)),
      `synthetic SAE: layer ${layer} is not in 0..12`,
    )
  assert.is(
    await messageOf(() => syntheticSaeWeights(3).get('threshold')),
    'synthetic SAE 3: there is no tensor "threshold"',
  )
})

const anyLengths = fc.array(fc.integer({ min: 2, max: 6 }), { minLength: 1, maxLength: 4 })
const total = (lengths: readonly number[]) => lengths.reduce((sum, length) => sum + length, 0)

test('pooling: the mean over each text’s tokens, BOS left out', async () => {
  await holds([anyLengths, anySeed], (lengths, seed) => {
    const dense = new Tensor(
      [total(lengths), 5],
      randomTensor([total(lengths), 5], seed).data.map((value) => Math.max(0, value)),
    )
    const pooled = toDense(meanFeatures(positiveEntries(dense), lengths))
    assert.equal(pooled.shape, [lengths.length, 5])
    let first = 0
    for (const [text, length] of lengths.entries()) {
      for (let j = 0; j < 5; j++) {
        const column = Array.from({ length: length - 1 }, (_, t) => dense.row(first + 1 + t)[j])
        const mean = column.reduce((sum, value) => sum + value, 0) / (length - 1)
        assert.ok(Math.abs(pooled.row(text)[j] - mean) < 1e-7)
      }
      first += length
    }
  })
})

test('pooling: what BOS does changes nothing', () => {
  const dense = new Tensor([5, 3], randomTensor([5, 3], 1).data.map(Math.abs))
  const loud = new Tensor([5, 3], dense.data.slice())
  for (const bos of [0, 2]) loud.row(bos).fill(1e6)
  const pooled = (x: Tensor) => toDense(meanFeatures(positiveEntries(x), [2, 3]))
  checkSameBits(pooled(loud), pooled(dense))
  checkSameBits(
    toDense(withoutBos(positiveEntries(dense), [2, 3])),
    Tensor.of([3, 3], [...dense.row(1), ...dense.rows(3, 5).data]),
  )
})

test('pooling: a text of BOS alone has no mean, and lengths must fit', async () => {
  const features = positiveEntries(randomTensor([4, 3], 1))
  assert.is(
    await messageOf(() => meanFeatures(features, [3, 1])),
    'meanSparseRows: a text without rows has no mean',
  )
  for (const lengths of [[3], [3, 2]])
    assert.is(
      await messageOf(() => meanFeatures(features, lengths)),
      `withoutBos: texts of ${total(lengths)} tokens in all, but the features are [4, 3]`,
    )
})

test('QualityMeter: as two passes over all tokens have it', async () => {
  await holds([anyLengths, anySeed], (lengths, seed) => {
    const [dIn, dSae] = [4, 9]
    const meter = new QualityMeter(dIn, dSae)
    const [kept, rebuilt, active]: number[][][] = [[], [], []]
    let activity = 0
    for (const [text, length] of lengths.entries()) {
      const x = randomTensor([length, dIn], seed + text, 2, 30)
      const y = new Tensor(
        x.shape,
        randomTensor(x.shape, seed - text, 0.3).data.map((value, i) => value + x.data[i]),
      )
      const features = new Tensor([length, dSae], randomTensor([length, dSae], seed + text, 1, -0.8).data)
      meter.add(x, y, positiveEntries(features))
      for (let t = 1; t < length; t++) {
        kept.push([...x.row(t)])
        rebuilt.push([...y.row(t)])
        for (const value of features.row(t)) activity += Math.max(0, value)
        active.push(Array.from(features.row(t).keys()).filter((j) => features.row(t)[j] > 0))
      }
    }
    const mean = Array.from(
      { length: dIn },
      (_, i) => kept.reduce((sum, row) => sum + row[i], 0) / kept.length,
    )
    const squares = (rows: number[][], from: (t: number, i: number) => number) =>
      rows
        .flatMap((row, t) => row.map((value, i) => (value - from(t, i)) ** 2))
        .reduce((sum, value) => sum + value, 0)
    const error = squares(kept, (t, i) => rebuilt[t][i])
    const explained = 1 - error / squares(kept, (_, i) => mean[i])
    const { tokens, l0, l1, mse, explainedVariance, deadFeatures, denseFeatures } = meter.quality()
    assert.is(tokens, total(lengths) - lengths.length)
    assert.ok(Math.abs(l0 - active.flat().length / tokens) < 1e-12)
    assert.ok(Math.abs(mse - error / tokens) <= 1e-9 * (1 + mse))
    assert.ok(Math.abs(l1 - activity / tokens) <= 1e-9 * (1 + l1))
    assert.ok(meter.mean().every((value, i) => Math.abs(value - mean[i]) <= 1e-6))
    assert.is(deadFeatures, dSae - new Set(active.flat()).size)
    const firings = Array.from({ length: dSae }, (_, f) => active.filter((row) => row.includes(f)).length)
    assert.equal(
      [...meter.densities()],
      firings.map((count) => count / tokens),
    )
    assert.is(denseFeatures, firings.filter((count) => count * 10 > tokens).length)
    if (tokens > 1)
      assert.ok(
        Math.abs(explainedVariance - explained) <= 1e-9 * (1 + Math.abs(explained)),
        `${explainedVariance} ${explained}`,
      )
  })
})

test('QualityMeter: a perfect reconstruction, the mean, and a feature only BOS has', () => {
  const x = randomTensor([6, 3], 1)
  const features = positiveEntries(Tensor.of([6, 2], [0, 1, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0]))
  const perfect = new QualityMeter(3, 2)
  perfect.add(x, x, features)
  const [deadFeatures, denseFeatures] = [1, 1]
  const { cosine, ...others } = perfect.quality()
  assert.equal(others, { tokens: 5, l0: 1, l1: 1, mse: 0, explainedVariance: 1, deadFeatures, denseFeatures })
  assert.ok(Math.abs(cosine - 1) < 1e-12)
  const turned = new QualityMeter(2, 2)
  turned.add(Tensor.of([3, 2], [9, 9, 1, 0, 3, 0]), Tensor.of([3, 2], [0, 0, 5, 5, 0, 2]), features)
  assert.ok(Math.abs(turned.quality().cosine - Math.SQRT1_2 / 2) < 1e-12, 'the mean of 45 and 90 degrees')
  const mean = new QualityMeter(3, 2)
  const means = [0, 1, 2].map((i) => [1, 2, 3, 4, 5].reduce((sum, t) => sum + x.row(t)[i], 0) / 5)
  mean.add(
    x,
    Tensor.of(
      [6, 3],
      Array.from({ length: 18 }, (_, i) => means[i % 3]),
    ),
    features,
  )
  assert.ok(Math.abs(mean.quality().explainedVariance) < 1e-6)
  const withBos = new QualityMeter(3, 2)
  withBos.add(x, x, features, 0)
  assert.equal([withBos.quality().tokens, withBos.quality().deadFeatures], [6, 0])
})

test('QualityMeter: a feature on a tenth of the tokens is not dense, on one more it is', () => {
  const meter = new QualityMeter(1, 2)
  const x = randomTensor([20, 1], 1)
  const active = Tensor.of([20, 2], Array.from({ length: 40 }, (_, i) => (i < 5 ? 1 : 0))) // prettier-ignore
  meter.add(x, x, positiveEntries(active), 0) // on 3 and on 2 tokens of 20
  assert.is(meter.quality().denseFeatures, 1)
  assert.is(meter.quality().deadFeatures, 0)
})

test('lossRecovered: 1 for nothing lost, 0 for no better than zeros', () => {
  const losses = { clean: 3.97909, ablated: 11.21423 }
  assert.is(lossRecovered({ ...losses, spliced: losses.clean }), 1)
  assert.is(lossRecovered({ ...losses, spliced: losses.ablated }), 0)
  // SAELens' own losses for gpt2-small-res-jb, layer 8, spliced at every position.
  assert.ok(Math.abs(lossRecovered({ ...losses, spliced: 3.93088 }) - 1.00666) < 1e-5)
})

test.run()
