// Quality of SAEs in the model: losses against one text at a time, and SAEs that lose nothing or everything.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { sizeOf, Tensor } from '../../engine/tensor.ts'
import type { Hook, HookTable } from '../../gpt2/hooks.ts'
import { capture, run } from '../../gpt2/model.ts'
import { encode } from '../../sae/encoder.ts'
import { splice, zeroAblate } from '../../sae/splice.ts'
import { measureSaes, measuringPasses } from '../../experiments/lab/models/sae-quality.ts'
import { reference } from '../helpers/backends.ts'
import { randomIds, smallConfig, smallGpt2 } from '../helpers/small-gpt2.ts'
import { identitySaeTensors, randomSaeTensors, saeOf, type SaeTensors } from '../helpers/small-sae.ts'
import { lossOfLogits } from '../helpers/loss.ts'

const HOOK = 'blocks.1.hook_resid_pre'
const gpt2 = await smallGpt2(reference)
const modelWith = (tensors: SaeTensors) => ({ gpt2, openSae: () => saeOf(reference, tensors) })

/** 600 tokens and more: two batches, and texts of one to twenty tokens behind BOS. */
const texts = Array.from({ length: 58 }, (_, i) => [smallConfig.bos!, ...randomIds(1 + (i % 20), i)])

const near = (found: number, expected: number, limit = 1e-6): void =>
  assert.ok(Math.abs(found - expected) <= limit, `${found}, expected ${expected}`)

async function lossOneByOne(hooks: HookTable): Promise<number> {
  let [loss, predictions] = [0, 0]
  for (const ids of texts) {
    let logits: Tensor
    await run(gpt2, [ids], { ...hooks, logits: async (x, ops) => void (logits = await ops.download(x)) })
    loss += lossOfLogits(logits!, ids) * (ids.length - 1)
    predictions += ids.length - 1
  }
  return loss / predictions
}

const quality = suite('SAE quality')

quality('losses are those of one text at a time, each prediction counting the same', async () => {
  const tensors = randomSaeTensors(smallConfig.dModel, 33, 4)
  const passes: number[] = []
  const measured = await measureSaes(modelWith(tensors), texts, [HOOK], (done) => passes.push(done))
  const figures = measured.get(HOOK)!
  assert.equal(passes, [1, 2, 3, 4])
  assert.is(measuringPasses(1), 4)
  const sae = await saeOf(reference, tensors)
  near(figures.ce_clean, await lossOneByOne({}))
  near(figures.ce_spliced, await lossOneByOne(splice(sae, HOOK)))
  near(figures.ce_zero_ablated, await lossOneByOne({ [HOOK]: zeroAblate }))
  const { ce_clean, ce_spliced, ce_zero_ablated } = figures
  near(figures.ce_recovered, (ce_zero_ablated - ce_spliced) / (ce_zero_ablated - ce_clean), 1e-12)
  let active = 0
  const sums = new Float64Array(smallConfig.dModel)
  for (const ids of texts) {
    const stream = (await capture(gpt2, [ids], [HOOK])).get(HOOK)!
    for (let t = 1; t < ids.length; t++) for (const [i, value] of stream.row(t).entries()) sums[i] += value
    const features = await encode(reference, sae, reference.upload(stream))
    active += features.values.length - features.offsets[1] // BOS left out
  }
  near(figures.l0, active / figures.tokens, 1e-12)
  const mean = Float32Array.from(sums, (sum) => sum / figures.tokens)
  const everywhere: Hook = async ({ shape }, ops) =>
    ops.upload(
      new Tensor(
        shape,
        Float32Array.from({ length: sizeOf(shape) }, (_, i) => mean[i % mean.length]),
      ),
    )
  const ce_mean_ablated = await lossOneByOne({ [HOOK]: everywhere })
  near(figures.ce_mean_ablated, ce_mean_ablated)
  near(figures.ce_recovered_of_mean, (ce_mean_ablated - ce_spliced) / (ce_mean_ablated - ce_clean), 1e-4)
  assert.is(figures.texts, 58)
  assert.is(figures.tokens, texts.flat().length - 58)
  assert.is(figures.d_sae, 33)
})

quality(
  'an SAE that loses nothing: all variance explained, all of the loss recovered, half of its features per token',
  async () => {
    const measured = await measureSaes(modelWith(identitySaeTensors(smallConfig.dModel)), texts, [HOOK])
    const figures = measured.get(HOOK)!
    near(figures.explained_variance, 1)
    near(figures.ce_spliced, figures.ce_clean)
    near(figures.ce_recovered, 1, 1e-4)
    near(figures.l0, smallConfig.dModel, 0.01)
  },
)

quality('an SAE of which no feature fires has only dead ones, and explains nothing', async () => {
  const tensors = randomSaeTensors(smallConfig.dModel, 33, 4)
  tensors.b_enc.data.fill(-1e6)
  const figures = (await measureSaes(modelWith(tensors), texts, [HOOK])).get(HOOK)!
  assert.equal([figures.l0, figures.dead_features, figures.dense_features], [0, 33, 0])
  assert.ok(figures.explained_variance <= 0)
})

quality.run()
