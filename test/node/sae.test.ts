import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Backend } from '../../engine/backend.ts'
import { toDense, type SparseRows } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import type { Hook } from '../../gpt2/hooks.ts'
import { capture, run, type Gpt2 } from '../../gpt2/model.ts'
import { reconstruct } from '../../sae/decoder.ts'
import { encode } from '../../sae/encoder.ts'
import { splice, zeroAblate } from '../../sae/splice.ts'
import { loadSae, releaseSae, type Sae } from '../../sae/weights.ts'
import { encodeStream } from '../../experiments/lab/models/features.ts'
import { openModel } from '../../experiments/lab/models/models.ts'
import { startBackends } from '../helpers/backends.ts'
import { checkSameBits, checkSameNumbers, messageOf } from '../helpers/compare.ts'
import { anySeed, holds, randomTensor } from '../helpers/random.ts'
import { randomIds, smallConfig, smallGpt2 } from '../helpers/small-gpt2.ts'
import { lossOfLogits } from '../helpers/loss.ts'
import {
  identitySaeTensors,
  randomSaeTensors,
  saeConfig,
  saeOf,
  storeOf,
  type SaeTensors,
} from '../helpers/small-sae.ts'

const hook = 'blocks.1.hook_resid_pre'

/** What an SAE does to one token, written out in float64. */
function naiveSae(
  { W_enc, b_enc, W_dec, b_dec }: SaeTensors,
  x: ArrayLike<number>,
  { centered, subtract }: Basis,
) {
  const [dIn, dSae] = W_enc.shape
  const stream = Array.from(x)
  const mean = centered ? stream.reduce((sum, value) => sum + value, 0) / dIn : 0
  const input = stream.map((value) => value - mean)
  const features = Array.from({ length: dSae }, (_, j) => {
    const terms = input.map((value, i) => (value - (subtract ? b_dec.data[i] : 0)) * W_enc.row(i)[j])
    return Math.max(0, terms.reduce((sum, term) => sum + term, 0) + b_enc.data[j])
  })
  const rebuilt = Array.from(b_dec.data, (bias, i) =>
    features.reduce((sum, value, j) => sum + value * W_dec.row(j)[i], bias),
  )
  return { mean, features, rebuilt }
}

interface Basis {
  readonly centered: boolean
  readonly subtract: boolean
}

function checkClose(got: ArrayLike<number>, expected: ArrayLike<number>, limit: number, what: string): void {
  assert.is(got.length, expected.length, what)
  for (let i = 0; i < expected.length; i++)
    assert.ok(
      Math.abs(got[i] - expected[i]) <= limit,
      `${what}: element ${i} is ${got[i]}, expected ${expected[i]}`,
    )
}

const models: { small: Gpt2; tiny: Awaited<ReturnType<typeof openModel>> }[] = []
for (const ops of await startBackends())
  models.push({ small: await smallGpt2(ops), tiny: await openModel('tiny', ops, { quiet: true }) })

for (const { small, tiny } of models) {
  const { ops } = small
  const test = suite(`sae: ${ops.name}`)

  const featuresOf = (sae: Sae, x: Tensor): Promise<SparseRows> => encodeStream(ops, sae, x)
  const spliced = async (sae: Sae, x: Tensor, edit?: (features: SparseRows) => SparseRows) =>
    onDevice(ops, x, async (x, ops) => (await splice(sae, hook, edit)[hook](x, ops))!)

  test('encode and splice follow the formula, on either basis', async () => {
    const anySize = fc.integer({ min: 1, max: 20 })
    const cases = [anySize, anySize, anySize, anySeed, fc.boolean(), fc.boolean()] as const
    await holds([...cases], async (tokens, dIn, dSae, seed, centered, subtract) => {
      const tensors = randomSaeTensors(dIn, dSae, seed)
      const sae = await saeOf(ops, tensors, { centered, subtractsDecoderBias: subtract })
      const x = randomTensor([tokens, dIn], seed + 9, 3, 1)
      const [features, out] = [toDense(await featuresOf(sae, x)), await spliced(sae, x)]
      for (let t = 0; t < tokens; t++) {
        const expected = naiveSae(tensors, x.row(t), { centered, subtract })
        checkClose(features.row(t), expected.features, 1e-4, 'features')
        const stream = expected.rebuilt.map((value) => value + expected.mean)
        checkClose(out.row(t), stream, 1e-3, 'spliced stream')
      }
      releaseSae(sae)
    })
  })

  test('centred: adding a constant to a token’s stream changes no feature, and passes through a splice', async () => {
    const tensors = randomSaeTensors(16, 40, 1)
    const [centered, raw] = [await saeOf(ops, tensors), await saeOf(ops, tensors, { centered: false })]
    const x = randomTensor([6, 16], 2, 2)
    const moved = new Tensor(
      x.shape,
      x.data.map((value, i) => value + 4 * Math.floor(i / 16)),
    )
    const [before, after] = [
      toDense(await featuresOf(centered, x)),
      toDense(await featuresOf(centered, moved)),
    ]
    checkClose(after.data, before.data, 1e-4, 'features')
    const [plain, shifted] = [await spliced(centered, x), await spliced(centered, moved)]
    checkClose(
      shifted.data,
      plain.data.map((value, i) => value + 4 * Math.floor(i / 16)),
      1e-4,
      'spliced',
    )
    const raws = [toDense(await featuresOf(raw, x)), toDense(await featuresOf(raw, moved))]
    assert.not.equal(raws[1].row(5), raws[0].row(5))
    for (const sae of [centered, raw]) releaseSae(sae)
  })

  test('an SAE that loses nothing: the stream comes back, mean included, and so do the logits', async () => {
    const { dModel } = smallConfig
    for (const centered of [true, false]) {
      const sae = await saeOf(ops, identitySaeTensors(dModel), { centered })
      const x = randomTensor([9, dModel], 3, 2, 5)
      checkClose((await spliced(sae, x)).data, x.data, 1e-6 * 7, 'stream')
      const ids = randomIds(12, 1)
      const clean = (await capture(small, [ids], ['logits'])).get('logits')!
      checkClose((await logitsWith(small, ids, splice(sae, hook)[hook])).data, clean.data, 1e-5, 'logits')
      releaseSae(sae)
    }
  })

  test('splice with an edit: a feature set to 0 takes its direction out', async () => {
    const sae = await saeOf(ops, identitySaeTensors(8), { centered: false })
    const x = new Tensor([2, 8], randomTensor([2, 8], 1).data.map(Math.abs))
    const without3 = (features: SparseRows): SparseRows => ({
      ...features,
      values: features.values.map((value, entry) => (features.indices[entry] === 3 ? 0 : value)),
    })
    const expected = x.data.map((value, i) => (i % 8 === 3 ? 0 : value))
    checkSameNumbers((await spliced(sae, x, without3)).data, expected)
    releaseSae(sae)
  })

  test('zeroAblate: zeros of the same shape, and the logits of a stream of zeros', async () => {
    const x = await onDevice(ops, randomTensor([3, 5], 1), zeroAblate)
    checkSameBits(x, Tensor.zeros([3, 5]))
    const ids = randomIds(6, 1)
    const zeroed = await logitsWith(small, ids, zeroAblate)
    const again = await logitsWith(small, ids.toReversed(), zeroAblate)
    checkSameBits(again, zeroed, 'nothing of the text is left')
  })

  test('another hook than the one it was trained on', async () => {
    const sae = await saeOf(ops, randomSaeTensors(4, 6, 1))
    const message =
      'SAE: trained on blocks.1.hook_resid_pre of small, but fed blocks.1.hook_mlp_out; choose the SAE of that hook'
    assert.is(await messageOf(() => splice(sae, 'blocks.1.hook_mlp_out')), message)
    releaseSae(sae)
  })

  test('a stream of another width', async () => {
    const tensors = randomSaeTensors(4, 6, 1)
    const sae = await saeOf(ops, tensors)
    const x = ops.upload(Tensor.zeros([2, 5]))
    assert.match(await messageOf(() => encode(ops, sae, x)), 'subtract: a [2, 5] and b [4] differ')
    const bare = await saeOf(ops, tensors, { subtractsDecoderBias: false })
    assert.match(await messageOf(() => encode(ops, bare, x)), 'sparseEncode: x [2, 5] x W [4, 6]')
    for (const each of [sae, bare]) releaseSae(each)
  })

  test('weights are refused: missing, unknown, misshapen, not finite, scaled', async () => {
    const tensors = randomSaeTensors(4, 6, 1)
    const load = (store: Record<string, Tensor>) =>
      messageOf(() => loadSae(ops, storeOf(store), saeConfig(4, 6)))
    const { b_dec, ...rest } = tensors
    const file = 'sae_weights.safetensors'
    assert.is(await load(rest), `${file}: missing the tensor b_dec`)
    const jump = { ...tensors, threshold: b_dec }
    assert.is(await load(jump), `${file}: holds the tensor threshold, which this model does not have`)
    const turned = { ...tensors, W_enc: tensors.W_dec }
    assert.is(await load(turned), `${file}: W_enc is [6, 4], but the model's sizes need [4, 6]`)
    const broken = { ...tensors, b_enc: Tensor.of([6], [0, 0, NaN, 0, 0, 0]) }
    assert.is(await load(broken), `${file}: b_enc holds NaN at element 2; weights must be finite numbers`)
    const scaling = (value: number) => ({
      ...tensors,
      scaling_factor: new Tensor([6], new Float32Array(6).fill(value)),
    })
    assert.is(
      await load(scaling(2)),
      `${file}: scaling_factor holds 2, expected ones: fine-tuned SAEs cannot be run`,
    )
    releaseSae(await loadSae(ops, storeOf(scaling(1)), saeConfig(4, 6)))
  })

  test('the bundled SAEs: most of the stream comes back, and most of the loss', async () => {
    const ids = tiny.tokenize(
      'Once upon a time there was a girl who had a red ball. She liked to play with it.',
    )
    const lossWith = async (intervene?: Parameters<typeof logitsWith>[2]) =>
      lossOfLogits(await logitsWith(tiny.gpt2, ids, intervene, tiny.saeHooks[3]), ids)
    const sae = await tiny.openSae(tiny.saeHooks[3])
    const clean = await lossWith()
    const splicedLoss = await lossWith(splice(sae, tiny.saeHooks[3])[tiny.saeHooks[3]])
    const zeroed = await lossWith(zeroAblate)
    assert.ok(clean <= splicedLoss && splicedLoss < (clean + zeroed) / 2, `${clean} ${splicedLoss} ${zeroed}`)
    releaseSae(sae)
  })

  test('features of a text do not depend on the texts beside it', async () => {
    const name = tiny.saeHooks[2]
    const sae = await tiny.openSae(name)
    const texts = ['A dog ran.', 'The sun was hot, and she sat down.'].map((text) => tiny.tokenize(text))
    const stream = (await capture(tiny.gpt2, texts, [name])).get(name)!
    const all = toDense(await encodeStream(ops, sae, stream))
    const alone = (await capture(tiny.gpt2, [texts[1]], [name])).get(name)!
    const features = toDense(await encodeStream(ops, sae, alone))
    checkSameBits(features, all.rows(texts[0].length, texts[0].length + texts[1].length))
    const rebuilt = await onDevice(ops, alone, async (x, ops) =>
      reconstruct(ops, sae, x, await encode(ops, sae, x)),
    )
    assert.equal(rebuilt.shape, alone.shape)
    releaseSae(sae)
  })

  test.after(async () => {
    tiny.release()
    await ops.dispose()
  })
  test.run()
}

/** Runs `work` on a host tensor. */
async function onDevice(
  ops: Backend,
  x: Tensor,
  work: (x: ReturnType<Backend['upload']>, ops: Backend) => ReturnType<Backend['gelu']>,
) {
  const result = await ops.scope((ops) => work(ops.upload(x), ops))
  const tensor = await ops.download(result)
  ops.release(result)
  return tensor
}

/** The logits of one text with an intervention at one hook. */
async function logitsWith(
  model: Gpt2,
  ids: readonly number[],
  intervene: Hook = async (x) => x,
  at = hook,
): Promise<Tensor> {
  const captured: Tensor[] = []
  await run(model, [ids], {
    [at]: intervene,
    logits: async (x, ops) => void captured.push(await ops.download(x)),
  })
  return captured[0]
}
