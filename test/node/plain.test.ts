// The model in one file computes what the rest of gpt2/ computes, to the last bit; the SAE in one file what the rest of sae/ does.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { suite } from 'uvu'
import { createBackend } from '../../engine/backends.ts'
import { toDense } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { memorySource } from '../../engine/weights/bytes.ts'
import { openSafetensors } from '../../engine/weights/safetensors.ts'
import { readTensor, type WeightStore } from '../../engine/weights/weights.ts'
import { parseConfig, type Gpt2Config } from '../../gpt2/config.ts'
import { capture, loadGpt2 } from '../../gpt2/model.ts'
import { plainForward } from '../../gpt2/plain.ts'
import { syntheticWeights } from '../../gpt2/synthetic/weights.ts'
import { selectGpt2Tensors } from '../../gpt2/weights.ts'
import { reconstruct } from '../../sae/decoder.ts'
import { encode } from '../../sae/encoder.ts'
import { centred, plainDecode, plainEncode, type PlainSae } from '../../sae/plain.ts'
import type { Sae } from '../../sae/weights.ts'
import { captureStreams } from '../../experiments/lab/models/features.ts'
import { openModel } from '../../experiments/lab/models/models.ts'
import { checkSameBits } from '../helpers/compare.ts'
import { anySeed, anyWidth, holds, randomTensor } from '../helpers/random.ts'
import { randomIds, smallConfig } from '../helpers/small-gpt2.ts'
import { randomSaeTensors, saeOf } from '../helpers/small-sae.ts'

const test = suite('the model and the SAE in one file each')

/** The logits of both, [tokens, dVocab]. */
async function bothLogits(store: WeightStore, config: Gpt2Config, ids: number[]): Promise<[Tensor, Tensor]> {
  const ops = await createBackend('reference')
  const model = await loadGpt2(ops, store, config)
  const expected = (await capture(model, [ids], ['logits'])).get('logits')!
  const tensors = new Map<string, Float32Array>()
  for (const [name, source] of selectGpt2Tensors(store, config, false))
    tensors.set(name, (await readTensor(source)).data)
  const rows = plainForward((name) => tensors.get(name)!, config.nLayers, config.nHeads, ids)
  await ops.dispose()
  return [
    Tensor.of(
      [rows.length, config.dVocab],
      rows.flatMap((row) => Array.from(row)),
    ),
    expected,
  ]
}

test('has the reference’s bits on small models of any depth and texts of any length', async () => {
  const lengths = fc.integer({ min: 1, max: smallConfig.nCtx })
  await holds([lengths, fc.integer({ min: 0, max: 3 }), fc.nat()], async (length, nLayers, seed) => {
    const config = { ...smallConfig, nLayers }
    const [got, expected] = await bothLogits(syntheticWeights(config), config, randomIds(length, seed))
    checkSameBits(got, expected)
  })
})

test('has the reference’s bits on the bundled model', async () => {
  const folder = join(import.meta.dirname, '../../gpt2/tiny')
  const config = parseConfig(readFileSync(join(folder, 'config.json'), 'utf8'))
  const bytes = readFileSync(join(folder, 'model.safetensors'))
  const store = await openSafetensors(memorySource('model.safetensors', bytes))
  const [got, expected] = await bothLogits(store, config, [config.bos!, ...randomIds(9, 1, config)])
  checkSameBits(got, expected)
})

/** The features and the reconstruction of each row are the same both ways. stream [tokens, d_in] */
async function checkSae(sae: Sae, plain: PlainSae, stream: Tensor): Promise<void> {
  const { ops } = sae
  const features = await encode(ops, sae, ops.upload(stream))
  const rebuilt = await ops.download(await reconstruct(ops, sae, ops.upload(stream), features))
  const dense = toDense(features)
  for (let t = 0; t < stream.shape[0]; t++) {
    const got = plainEncode(plain, centred(stream.row(t)))
    checkSameBits(Tensor.of([1, got.length], [...got]), dense.rows(t, t + 1))
    const decoded = plainDecode(plain, got)
    checkSameBits(Tensor.of([1, decoded.length], [...decoded]), rebuilt.rows(t, t + 1))
  }
}

test('the SAE has the reference’s bits at any width', async () => {
  const ops = await createBackend('reference')
  await holds([anyWidth, anyWidth, anySeed], async (dIn, dSae, seed) => {
    const tensors = randomSaeTensors(dIn, dSae, seed)
    const { W_enc, b_enc, W_dec, b_dec } = tensors
    const plain = { W_enc: W_enc.data, b_enc: b_enc.data, W_dec: W_dec.data, b_dec: b_dec.data }
    await checkSae(await saeOf(ops, tensors), plain, randomTensor([3, dIn], seed + 4, 2, 0.5))
  })
})

test('the SAE has the reference’s bits on the bundled SAEs', async () => {
  const model = await openModel('tiny', await createBackend('reference'), { quiet: true })
  const streams = await captureStreams(model.gpt2, [model.tokenize('def add(')], model.saeHooks)
  for (const [hook, stream] of streams) {
    const folder = join(import.meta.dirname, '../../sae/tiny', hook)
    const bytes = readFileSync(join(folder, 'sae_weights.safetensors'))
    const store = await openSafetensors(memorySource('sae_weights.safetensors', bytes))
    const read = async (name: keyof PlainSae) => (await readTensor(store.get(name))).data
    const plain = {
      W_enc: await read('W_enc'),
      b_enc: await read('b_enc'),
      W_dec: await read('W_dec'),
      b_dec: await read('b_dec'),
    }
    await checkSae(await model.openSae(hook), plain, stream)
  }
})

test.run()
