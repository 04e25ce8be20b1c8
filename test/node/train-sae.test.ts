import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Backend } from '../../engine/backend.ts'
import { createBackend } from '../../engine/backends.ts'
import { rulesOf } from '../../engine/backward.ts'
import { createRandom, type Random } from '../../engine/random.ts'
import { Tensor } from '../../engine/tensor.ts'
import { AdamW } from '../../engine/train/optimizer.ts'
import { rateAt } from '../../engine/train/schedule.ts'
import { reconstruct } from '../../sae/decoder.ts'
import { encode } from '../../sae/encoder.ts'
import { QualityMeter, type SaeQuality } from '../../sae/metrics.ts'
import { initialSae } from '../../sae/train/initial.ts'
import { parametersOf, standardGradients, standardStep, type SaeGradients } from '../../sae/train/standard.ts'
import { topkGradients } from '../../sae/train/topk.ts'
import { ActivationPool } from '../../sae/train/pool.ts'
import { SaeTraining } from '../../sae/train/training.ts'
import { releaseSae, type Sae } from '../../sae/weights.ts'
import { reference } from '../helpers/backends.ts'
import { checkSameNumbers } from '../helpers/compare.ts'
import { checkNear } from '../helpers/gradients.ts'
import { randomTensor } from '../helpers/random.ts'
import { randomSaeTensors, saeConfig, saeOf, type SaeTensors } from '../helpers/small-sae.ts'

/** The mean loss, written out in float64. */
function naiveLoss(tensors: SaeTensors, x: Tensor, l1: number, subtract: boolean): number {
  const { W_enc, b_enc, W_dec, b_dec } = tensors
  const [dIn, dSae] = W_enc.shape
  let loss = 0
  for (let t = 0; t < x.shape[0]; t++) {
    const rebuilt = Array.from(b_dec.data)
    for (let j = 0; j < dSae; j++) {
      let f = b_enc.data[j]
      for (let i = 0; i < dIn; i++)
        f += (x.row(t)[i] - (subtract ? b_dec.data[i] : 0)) * W_enc.data[i * dSae + j]
      if (f <= 0) continue
      for (let i = 0; i < dIn; i++) rebuilt[i] += f * W_dec.row(j)[i]
      loss += l1 * f * Math.hypot(...W_dec.row(j))
    }
    for (let i = 0; i < dIn; i++) loss += (rebuilt[i] - x.row(t)[i]) ** 2
  }
  return loss / x.shape[0]
}

/** The mean loss of a TopK SAE of k 3 with the auxiliary loss, written out; `missed`: x - x_hat before any nudge. */
function naiveTopk(
  { W_enc, b_enc, W_dec, b_dec }: SaeTensors,
  x: Tensor,
  subtract: boolean,
  dead: readonly number[],
  missed: readonly number[][] = [],
): { loss: number; missed: number[][] } {
  const [dIn, dSae] = W_enc.shape
  const half = Math.floor(dIn / 2)
  const now: number[][] = []
  let loss = 0
  for (let t = 0; t < x.shape[0]; t++) {
    const answers = Array.from({ length: dSae }, (_, j) =>
      Array.from(x.row(t)).reduce(
        (sum, value, i) => sum + (value - (subtract ? b_dec.data[i] : 0)) * W_enc.data[i * dSae + j],
        b_enc.data[j],
      ),
    )
    const largest = (among: number[], k: number) => among.sort((a, b) => answers[b] - answers[a]).slice(0, k)
    const sum = (chosen: number[], i: number) =>
      chosen.reduce((total, j) => total + answers[j] * W_dec.row(j)[i], 0)
    const chosen = largest([...answers.keys()], 3).filter((j) => answers[j] > 0)
    const dying = largest([...dead], half)
    now.push(Array.from(x.row(t), (value, i) => value - b_dec.data[i] - sum(chosen, i)))
    for (let i = 0; i < dIn; i++) loss += now[t][i] ** 2
    for (let i = 0; i < dIn && dead.length > 0; i++)
      loss += Math.min(1, dead.length / half) * (sum(dying, i) - missed[t][i]) ** 2
  }
  return { loss: loss / x.shape[0], missed: now }
}

/** Holds an SAE's loss and the gradients of every weight to nudging; `loss` reads `doubles`. */
async function checkGradients(
  sae: Sae,
  doubles: SaeTensors,
  gradients: (ops: Backend) => Promise<SaeGradients>,
  loss: () => number,
): Promise<void> {
  await sae.ops.scope(async (inner) => {
    const found = await gradients(inner)
    checkNear([found.loss], [loss()], 1e-5, 'loss')
    const parts = {
      W_enc: found.of(sae.encoder).weight,
      b_enc: found.of(sae.encoder).bias!,
      W_dec: found.of(sae.W_dec).weight,
      b_dec: found.of(sae.b_dec).weight,
    }
    for (const [name, gradient] of Object.entries(parts)) {
      const { data } = doubles[name as keyof SaeTensors]
      const slopes = Array.from(data, (before, i) => {
        const losses = [1e-6, -1e-6].map((nudge) => {
          data[i] = before + nudge
          return loss()
        })
        data[i] = before
        return (losses[0] - losses[1]) / 2e-6
      })
      const { data: half } = await inner.download(gradient)
      checkNear(
        half.map((value) => value * found.scale),
        slopes,
        1e-4,
        name,
      )
    }
  })
}

/** Tensors of float64, so that nudging them by 1e-6 means something. */
function asDoubles(tensors: SaeTensors): SaeTensors {
  const doubled = Object.entries(tensors).map(([name, { shape, data }]: [string, Tensor]) => [
    name,
    new Tensor(shape, Float64Array.from(data) as unknown as Float32Array),
  ])
  return Object.fromEntries(doubled) as SaeTensors
}

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

async function qualityOf(sae: Sae, x: Tensor): Promise<SaeQuality> {
  const meter = new QualityMeter(sae.config.dIn, sae.config.dSae)
  await sae.ops.scope(async (ops) => {
    const given = ops.upload(x)
    const features = await encode(ops, sae, given)
    meter.add(x, await ops.download(await reconstruct(ops, sae, given, features)), features, 0)
  })
  return meter.quality()
}

for (const ops of [reference, await createBackend('wasm')]) {
  const test = suite(`training an SAE: ${ops.name}`)
  test.after(() => ops.dispose())

  for (const subtractsDecoderBias of [true, false])
    test(`gradients against nudging the loss, b_dec subtracted: ${subtractsDecoderBias}`, async () => {
      const [tensors, x, l1] = [randomSaeTensors(5, 11, 3), randomTensor([7, 5], 4, 2), 0.7]
      const sae = await saeOf(ops, tensors, { subtractsDecoderBias })
      const doubles = asDoubles(tensors)
      await checkGradients(
        sae,
        doubles,
        (inner) => standardGradients(inner, sae, inner.upload(x), l1),
        () => naiveLoss(doubles, x, l1, subtractsDecoderBias),
      )
      releaseSae(sae)
    })

  for (const subtractsDecoderBias of [true, false])
    for (const dead of [[], [1, 4, 9], [7]])
      test(`TopK likewise, b_dec subtracted: ${subtractsDecoderBias}, dead: ${dead.join()}`, async () => {
        const [tensors, x] = [randomSaeTensors(5, 11, 3), randomTensor([7, 5], 4, 2)]
        const sae = await saeOf(ops, tensors, { architecture: 'topk', k: 3, subtractsDecoderBias })
        const doubles = asDoubles(tensors)
        const missed = naiveTopk(doubles, x, subtractsDecoderBias, []).missed // counts as given
        await checkGradients(
          sae,
          doubles,
          (inner) => topkGradients(inner, sae, inner.upload(x), dead),
          () => naiveTopk(doubles, x, subtractsDecoderBias, dead, missed).loss,
        )
        releaseSae(sae)
      })

  test.run()
}

const training = suite('training an SAE: a dictionary is found')

training(
  'loss falls, features are few, and most is explained, which random weights miss by far',
  async () => {
    const ops = await createBackend('wasm')
    const config = saeConfig(12, 24, { centered: false })
    const trained = async () => {
      const random = createRandom(5)
      const directions = randomTensor([24, 12], 6)
      for (let j = 0; j < 24; j++) {
        const length = Math.hypot(...directions.row(j))
        directions.row(j).set(directions.row(j).map((value) => value / length))
      }
      const sae = await initialSae(ops, config, random)
      const adam = new AdamW(ops, parametersOf(sae))
      const held = sparseData(500, directions, createRandom(7))
      const before = await qualityOf(sae, held)
      const losses: number[] = []
      for (let step = 0; step < 1500; step++) {
        const x = ops.upload(sparseData(64, directions, random))
        const rate = rateAt(step, { rate: 1e-2, steps: 1500, warmUp: 50, decay: 500 })
        losses.push(
          (await standardStep(sae, adam, x, { rate, l1: 0.3 * Math.min(1, step / 200), longest: 1 })).loss,
        )
        ops.release(x)
      }
      adam.release()
      return { before, losses, quality: await qualityOf(sae, held), sae }
    }
    const { before, losses, quality, sae } = await trained()
    const mean = (part: number[]) => part.reduce((sum, loss) => sum + loss, 0) / part.length
    assert.ok(mean(losses.slice(-50)) < 0.5 * mean(losses.slice(0, 50)), 'the loss falls')
    assert.ok(before.explainedVariance < 0.3, `random weights explain ${before.explainedVariance}`)
    assert.ok(quality.explainedVariance > 0.9, `explained: ${quality.explainedVariance}`)
    assert.ok(quality.l0 > 1.5 && quality.l0 < 6, `L0: ${quality.l0}`)

    const again = await trained()
    checkSameNumbers(again.losses, losses, 'the same seed')
    const read = async ({ encoder }: Sae) => (await rulesOf(ops).readWeights(encoder)).weight.data
    checkSameNumbers(await read(again.sae), await read(sae), 'W_enc')
    await ops.dispose()
  },
)

training('a training that was saved goes on as if it had not been, dead features included', async () => {
  const ops = await createBackend('wasm')
  const config = saeConfig(12, 24, { centered: false })
  const settings = { rate: 1e-2, steps: 30, warmUp: 5, decay: 10, l1: 6, l1WarmUp: 10, deadAfter: 64 }
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
  const dead = expected.map(({ deadFeatures }) => deadFeatures)
  assert.ok(dead.slice(0, 3).every((count) => count === 0) && dead[20] > 0, `dead: ${dead.join()}`)
  const [weights, ofWhole] = [await second.weights(), await whole.weights()]
  for (const [name, { data }] of weights) checkSameNumbers(data, ofWhole.get(name)!.data, name)
  await ops.dispose()
})

training('TopK finds the dictionary too', async () => {
  const ops = await createBackend('wasm')
  const config = saeConfig(12, 24, { centered: false, architecture: 'topk', k: 3 })
  const settings = { rate: 1e-2, steps: 800, warmUp: 40, decay: 300, l1: 0, l1WarmUp: 0 }
  const directions = randomTensor([24, 12], 6)
  for (let j = 0; j < 24; j++) {
    const length = Math.hypot(...directions.row(j))
    directions.row(j).set(directions.row(j).map((value) => value / length))
  }
  const random = createRandom(5)
  const training = await SaeTraining.begin(ops, config, { ...settings, deadAfter: 640 }, 5)
  for (let step = 0; step < 800; step++) await training.step(sparseData(64, directions, random))
  const quality = await qualityOf(training.sae, sparseData(500, directions, createRandom(7)))
  assert.ok(quality.explainedVariance > 0.8, `explained: ${quality.explainedVariance}`)
  assert.ok(quality.l0 <= 3 && quality.l0 > 2, `L0: ${quality.l0}`)
  await ops.dispose()
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
  assert.throws(() => pool.take(3, createRandom(1)), 'pool: 3 rows asked for, 2 wait')
  pool.add(Tensor.zeros([8, 1]))
  assert.ok(pool.isFull)
})

training.run()
