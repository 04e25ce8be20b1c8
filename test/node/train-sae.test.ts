import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Backend } from '../../engine/backend.ts'
import { createBackend } from '../../engine/backends.ts'
import { createRandom, type Random } from '../../engine/random.ts'
import { Tensor } from '../../engine/tensor.ts'
import { reconstruct } from '../../sae/decoder.ts'
import { encode } from '../../sae/encoder.ts'
import { QualityMeter, type SaeQuality } from '../../sae/metrics.ts'
import { TRAINED, type TrainedName } from '../../sae/train/all.ts'
import { ActivationPool } from '../../sae/train/pool.ts'
import { SaeTraining, type TrainingSettings } from '../../sae/train/training.ts'
import { memoryStore } from '../../engine/weights/weights.ts'
import { loadSae } from '../../sae/weights.ts'
import { checkSameNumbers } from '../helpers/compare.ts'
import { randomTensor } from '../helpers/random.ts'
import { constantSettings, trainedConfig } from '../helpers/sae-training.ts'

/** Rows that are sums of few of 24 directions of 12 dimensions: what an SAE is made to find. */
function sparseData(rows: number, directions: Tensor, random: Random): Tensor {
  const [features, dIn] = directions.shape
  const x = Tensor.zeros([rows, dIn])
  for (let t = 0; t < rows; t++)
    for (let part = 0; part < 2; part++) {
      const [direction, size] = [directions.row(random.index(features)), 1 + random.number()]
      for (let i = 0; i < dIn; i++) x.row(t)[i] += size * direction[i]
    }
  return x
}

/** 24 of them, of length 1. */
const DIRECTIONS = unitRows(randomTensor([24, 12], 6))

function unitRows(x: Tensor): Tensor {
  for (let row = 0; row < x.shape[0]; row++) {
    const length = Math.hypot(...x.row(row))
    x.row(row).set(x.row(row).map((value) => value / length))
  }
  return x
}

/** Of an SAE as it is saved and loaded again, on data that it was not trained on. */
async function qualityOf(ops: Backend, training: SaeTraining, name: TrainedName): Promise<SaeQuality> {
  const { dIn, dSae } = training.sae.config
  using sae = await loadSae(
    ops,
    memoryStore('weights in training', await training.weights()),
    trainedConfig(name, dIn, dSae),
  )
  const [x, meter] = [sparseData(1000, DIRECTIONS, createRandom(7)), new QualityMeter(dIn, dSae)]
  await ops.scope(async (inner) => {
    const given = inner.upload(x)
    const features = await encode(inner, sae, given)
    meter.add(x, await inner.download(await reconstruct(inner, sae, given, features)), features, 0)
  })
  return meter.quality()
}

const ops = await createBackend('wasm')
const training = suite('training an SAE: a dictionary is found')
training.after(() => ops.dispose())

const STEPS = 1000
const schedule = { rate: 1e-2, steps: STEPS, warmUp: 50, decay: 300, costWarmUp: 200 }
const costs = { l1: 0.3, l0: 0.1, widths: [6, 12] }

/** L0 that each kind is to come near, from and to. */
const L0: Record<TrainedName, [number, number]> = {
  standard: [1.5, 6],
  topk: [2.5, 3],
  batchtopk: [2.5, 3.5],
  jumprelu: [1.5, 5],
  gated: [1.5, 6],
  matryoshka: [2.5, 3.5],
}

/** Trains on batches of 64 rows. */
async function trainedFor(
  name: TrainedName,
  dSae: number,
  settings: Partial<TrainingSettings>,
): Promise<{ training: SaeTraining; losses: number[]; before: SaeQuality }> {
  const all = constantSettings(name, { ...schedule, ...costs, ...settings })
  const made = await SaeTraining.begin(ops, trainedConfig(name, 12, dSae), all, 5)
  const before = await qualityOf(ops, made, name)
  const [random, losses] = [createRandom(5), [] as number[]]
  for (let step = 0; step < STEPS; step++)
    losses.push((await made.step(sparseData(64, DIRECTIONS, random))).loss)
  return { training: made, losses, before }
}

for (const name of TRAINED)
  training(
    `${name}: loss falls, features are few, and most is explained, which random weights miss by far`,
    async () => {
      const { training: made, losses, before } = await trainedFor(name, 24, { deadAfter: 640 })
      const mean = (part: number[]) => part.reduce((sum, loss) => sum + loss, 0) / part.length
      assert.ok(mean(losses.slice(-50)) < 0.5 * mean(losses.slice(0, 50)), 'the loss falls')
      assert.ok(before.explainedVariance < 0.3, `random weights explain ${before.explainedVariance}`)
      const quality = await qualityOf(ops, made, name)
      assert.ok(quality.explainedVariance > 0.85, `explained: ${quality.explainedVariance}`)
      const [least, most] = L0[name]
      assert.ok(quality.l0 >= least && quality.l0 <= most, `L0: ${quality.l0}`)
      made.release()
    },
  )

/** A third of the features begin with a bias that no answer overcomes; -> how many of them are active after training. */
async function revivedOf(name: TrainedName, deadAfter: number): Promise<number> {
  const settings = constantSettings(name, { ...schedule, ...costs, deadAfter })
  const [config, random] = [trainedConfig(name, 12, 36), createRandom(5)]
  const begun = await SaeTraining.begin(ops, config, settings, 5)
  const saved = await begun.save()
  begun.release()
  saved.tensors.get('b_enc')!.data.fill(-3, 0, 12)
  const made = await SaeTraining.resume(ops, config, settings, saved)
  for (let step = 0; step < STEPS; step++) await made.step(sparseData(64, DIRECTIONS, random))
  const active = new Set<number>()
  await ops.scope(async (inner) => {
    const x = inner.upload(sparseData(1000, DIRECTIONS, createRandom(7)))
    for (const j of (await made.gradients(inner, x)).features.indices) if (j < 12) active.add(j)
  })
  made.release()
  return active.size
}

for (const name of ['topk', 'batchtopk', 'matryoshka'] as const)
  training(`${name}: dead features come back by the auxiliary loss, and none without it`, async () => {
    assert.is(await revivedOf(name, Infinity), 0)
    const revived = await revivedOf(name, 640)
    assert.ok(revived >= 8, `${revived} of 12 came back`)
  })

for (const name of TRAINED)
  training(
    `${name}: a training that was saved goes on as if it had not been, dead features included`,
    async () => {
      const scalesByDecoderNorm = name === 'topk' || name === 'matryoshka'
      const config = trainedConfig(name, 12, 24, { scalesByDecoderNorm })
      const changes = {
        ...schedule,
        ...costs,
        steps: 30,
        l1: 6,
        costWarmUp: 10,
        warmUp: 5,
        decay: 10,
        deadAfter: 64,
      }
      const settings = constantSettings(name, changes)
      const batches = Array.from({ length: 30 }, (_, i) => randomTensor([16, 12], 100 + i))
      const resultsOf = async (training: SaeTraining, from: number, to: number) => {
        const results = []
        for (const x of batches.slice(from, to)) results.push(await training.step(x))
        return results
      }
      const whole = await SaeTraining.begin(ops, config, settings, 1)
      const expected = await resultsOf(whole, 0, 30)
      const first = await SaeTraining.begin(ops, config, settings, 1)
      const results = await resultsOf(first, 0, 13)
      const saved = await first.save()
      assert.is(saved.steps, 13)
      first.release()
      const second = await SaeTraining.resume(ops, config, settings, saved)
      results.push(...(await resultsOf(second, 13, 30)))
      assert.equal(results, expected)
      if (name === 'standard') {
        const dead = expected.map(({ deadFeatures }) => deadFeatures)
        assert.ok(dead.slice(0, 3).every((count) => count === 0) && dead[20] > 0, `dead: ${dead.join()}`)
      }
      const [weights, ofWhole] = [await second.weights(), await whole.weights()]
      for (const [part, { data }] of weights) checkSameNumbers(data, ofWhole.get(part)!.data, part)
      for (const made of [whole, second]) made.release()
    },
  )

training('a training lacks nothing that it goes on from, or says what', async () => {
  const settings = constantSettings('jumprelu')
  const begun = await SaeTraining.begin(ops, trainedConfig('jumprelu', 12, 24), settings, 1)
  await begun.step(randomTensor([16, 12], 1))
  const { tensors, ...saved } = await begun.save()
  begun.release()
  for (const name of ['threshold', 'W_enc.mean', 'b_dec.square', 'idle']) {
    const part = { ...saved, tensors: new Map([...tensors].filter(([other]) => other !== name)) }
    await SaeTraining.resume(ops, trainedConfig('jumprelu', 12, 24), settings, part).then(
      () => assert.unreachable(name),
      (error: Error) => assert.is(error.message, `training: cannot resume: there is no tensor ${name}`),
    )
  }
})

training('a pool gives each row once, as its draws decide, and never fewer than asked for', () => {
  const rows = Tensor.of([7, 1], [0, 1, 2, 3, 4, 5, 6])
  const pool = new ActivationPool(1, 10)
  pool.add(rows.rows(0, 4))
  assert.not.ok(pool.isFull)
  const taken = [...pool.take(2, createRandom(1)).data]
  pool.add(rows.rows(4, 7))
  taken.push(...pool.take(3, createRandom(2)).data, ...pool.rows.data)
  assert.equal(taken.sort(), [0, 1, 2, 3, 4, 5, 6])
  assert.throws(() => pool.take(3, createRandom(1)), /^pool: 3 rows asked for, 2 wait$/)
  pool.add(Tensor.zeros([8, 1]))
  assert.ok(pool.isFull)
})

training.run()
