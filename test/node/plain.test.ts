// The model in one file computes what the rest of gpt2/ computes, to the last bit.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { suite } from 'uvu'
import { createBackend } from '../../engine/backends.ts'
import { Tensor } from '../../engine/tensor.ts'
import { memorySource } from '../../engine/weights/bytes.ts'
import { openSafetensors } from '../../engine/weights/safetensors.ts'
import { readTensor, type WeightStore } from '../../engine/weights/weights.ts'
import { parseConfig, type Gpt2Config } from '../../gpt2/config.ts'
import { capture, loadGpt2 } from '../../gpt2/model.ts'
import { plainForward } from '../../gpt2/plain.ts'
import { syntheticWeights } from '../../gpt2/synthetic/weights.ts'
import { selectGpt2Tensors } from '../../gpt2/weights.ts'
import { checkSameBits } from '../helpers/compare.ts'
import { holds } from '../helpers/random.ts'
import { randomIds, smallConfig } from '../helpers/small-gpt2.ts'

const test = suite('the model in one file')

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

test.run()
