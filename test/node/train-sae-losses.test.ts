// The loss of every kind of SAE and its gradients, held to SAELens’ own in float64, and two of them to nudging each weight.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createBackend } from '../../engine/backends.ts'
import { Tensor } from '../../engine/tensor.ts'
import { movedThreshold } from '../../sae/train/batchtopk.ts'
import { trained, type TrainedName } from '../../sae/train/all.ts'
import type { SaeTraining } from '../../sae/train/training.ts'
import { parametersOf, turned } from '../../sae/train/weights.ts'
import { reference } from '../helpers/backends.ts'
import { checkNear } from '../helpers/gradients.ts'
import { randomTensor } from '../helpers/random.ts'
import { constantSettings, trainingFrom } from '../helpers/sae-training.ts'
import { randomSaeTensors, type SaeTensors } from '../helpers/small-sae.ts'
import json from '../reference/sae-training.json' with { type: 'json' }

interface Case {
  readonly architecture: TrainedName
  readonly subtractsDecoderBias: boolean
  readonly dead: readonly number[]
  /** SAELens’ rescale_acts_by_decoder_norm. */
  readonly scales?: boolean
  readonly loss: number
  readonly active: number
  readonly gradients: Readonly<Record<string, readonly number[]>>
  readonly threshold?: number
  readonly saved?: Readonly<Record<string, readonly number[]>>
}
const { dIn, dSae, settings, weights, x } = json
const cases = json.cases as unknown as readonly Case[]

/** A weight of the fixture, in the shape that it has in the file. */
function weightOf(name: string): Tensor {
  const numbers = weights[name as keyof typeof weights]
  const shapes: Record<string, number[]> = { W_enc: [dIn, dSae], W_dec: [dSae, dIn], b_dec: [dIn] }
  return Tensor.of(shapes[name] ?? [dSae], numbers)
}

/** Of the mean loss by each parameter, as the file has them; with what a batch was like. */
async function lossOf(training: SaeTraining, batch: Tensor) {
  const gradients = new Map<string, number[]>()
  const { ops } = training.sae
  let result: Awaited<ReturnType<SaeTraining['gradients']>> | undefined
  await ops.scope(async (inner) => {
    const found = (result = await training.gradients(inner, inner.upload(batch)))
    for (const [name, parameter] of parametersOf(training.sae)) {
      const half = await inner.download(found.of(parameter).weight)
      const { data } = name === 'W_enc' ? turned(half) : half
      gradients.set(
        name,
        Array.from(data, (value) => value * found.scale),
      )
    }
  })
  return { ...result!, gradients }
}

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
    const written = answers.map((answer, j) => answer * Math.hypot(...W_dec.row(j)))
    const largest = (among: number[], k: number) => among.sort((a, b) => written[b] - written[a]).slice(0, k)
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

/** Holds a training's loss and the gradients of every weight to nudging; `loss` reads `doubles`. */
async function checkByNudging(training: SaeTraining, batch: Tensor, doubles: SaeTensors, loss: () => number) {
  const found = await lossOf(training, batch)
  checkNear([found.loss], [loss()], 1e-5, 'loss')
  for (const [name, gradient] of found.gradients) {
    const { data } = doubles[name as keyof SaeTensors]
    const slopes = Array.from(data, (before, i) => {
      const losses = [1e-6, -1e-6].map((nudge) => {
        data[i] = before + nudge
        return loss()
      })
      data[i] = before
      return (losses[0] - losses[1]) / 2e-6
    })
    checkNear(gradient, slopes, 1e-4, name)
  }
}

/** Tensors of float64, so that nudging them by 1e-6 means something. */
function asDoubles(tensors: SaeTensors): SaeTensors {
  const doubled = Object.entries(tensors).map(([name, { shape, data }]: [string, Tensor]) => [
    name,
    new Tensor(shape, Float64Array.from(data) as unknown as Float32Array),
  ])
  return Object.fromEntries(doubled) as SaeTensors
}

for (const [ops, limit] of [
  [reference, 1e-5],
  [await createBackend('wasm'), 1e-4],
] as const) {
  const test = suite(`losses of SAEs in training: ${ops.name}`)
  test.after(() => ops.dispose())

  for (const { architecture, subtractsDecoderBias, dead, ...expected } of cases) {
    const about = `b_dec ${subtractsDecoderBias ? '' : 'not '}subtracted, dead: ${dead.join() || 'none'}`
    test(`${architecture} beside SAELens, ${about}`, async () => {
      const own = ['W_enc', ...Object.keys(trained[architecture].vectors), 'W_dec', 'b_dec']
      assert.equal(Object.keys(expected.gradients).sort(), [...own].sort())
      const tensors = Object.fromEntries(own.map((name) => [name, weightOf(name)]))
      const constant = constantSettings(architecture, settings)
      const scalesByDecoderNorm = expected.scales ?? false
      const config = { dead, subtractsDecoderBias, scalesByDecoderNorm }
      const training = await trainingFrom(ops, tensors, constant, config)
      const found = await lossOf(training, Tensor.of([x.length / dIn, dIn], x))
      checkNear([found.loss], [expected.loss], limit, 'loss')
      assert.is(found.features.values.length, expected.active)
      for (const [name, gradient] of Object.entries(expected.gradients))
        checkNear(found.gradients.get(name)!, gradient, limit, name)
      if (expected.threshold !== undefined)
        checkNear([movedThreshold(0, found.features)], [expected.threshold], limit, 'threshold')
      const saved = await training.weights()
      for (const [name, numbers] of Object.entries(expected.saved ?? {}))
        checkNear(saved.get(name)!.data, numbers, limit, `${name} as it is saved`)
      training.release()
    })
  }

  for (const subtractsDecoderBias of [true, false])
    test(`standard against nudging, b_dec subtracted: ${subtractsDecoderBias}`, async () => {
      const [tensors, batch, l1] = [randomSaeTensors(5, 11, 3), randomTensor([7, 5], 4, 2), 0.7]
      const constant = constantSettings('standard', { l1 })
      const training = await trainingFrom(ops, { ...tensors }, constant, { subtractsDecoderBias })
      const doubles = asDoubles(tensors)
      await checkByNudging(training, batch, doubles, () =>
        naiveLoss(doubles, batch, l1, subtractsDecoderBias),
      )
      training.release()
    })

  for (const subtractsDecoderBias of [true, false])
    for (const dead of [[], [1, 4, 9], [7]])
      test(`TopK likewise, b_dec subtracted: ${subtractsDecoderBias}, dead: ${dead.join()}`, async () => {
        const [tensors, batch] = [randomSaeTensors(5, 11, 3), randomTensor([7, 5], 4, 2)]
        const constant = constantSettings('topk')
        const config = { dead, subtractsDecoderBias, scalesByDecoderNorm: true }
        const training = await trainingFrom(ops, { ...tensors }, constant, config)
        const doubles = asDoubles(tensors)
        const missed = naiveTopk(doubles, batch, subtractsDecoderBias, []).missed // counts as given
        await checkByNudging(
          training,
          batch,
          doubles,
          () => naiveTopk(doubles, batch, subtractsDecoderBias, dead, missed).loss,
        )
        training.release()
      })

  test.run()
}
