// Training a GPT-2: against PyTorch's losses, step by step; and what must be learned of a language whose entropy is known.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createBackend } from '../../engine/backends.ts'
import { createRandom } from '../../engine/random.ts'
import { gpt2Small, type Gpt2Config } from '../../gpt2/config.ts'
import { textLosses } from '../../gpt2/loss.ts'
import { syntheticWeights } from '../../gpt2/synthetic/weights.ts'
import { initialWeights } from '../../gpt2/train/initial.ts'
import { Gpt2Training } from '../../gpt2/train/training.ts'
import { readTensor } from '../../engine/weights/weights.ts'
import { reference } from '../helpers/backends.ts'
import { BOS, textOf, VOCABULARY } from '../helpers/grammar.ts'
import fixture from '../reference/training.json' with { type: 'json' }

function configOf(nLayers: number, dModel: number, nHeads: number, nCtx: number, dVocab: number): Gpt2Config {
  const sizes = { nLayers, dModel, nHeads, nCtx, dVocab, dHead: dModel / nHeads, dMlp: 4 * dModel }
  return { ...gpt2Small, ...sizes, bos: undefined }
}

/** The texts of a step, as test/reference/make-training-fixture.py counts them. */
function countedTexts(step: number): number[][] {
  const { texts, length, config } = fixture
  return Array.from({ length: texts }, (_, text) => {
    const n = step * texts + text
    return Array.from({ length }, (_, i) => (7 * n + 3 + (1 + ((5 * n) % 13)) * i) % config.d_vocab)
  })
}

for (const ops of [reference, await createBackend('wasm')]) {
  const test = suite(`training: ${ops.name}`)
  test.after(() => ops.dispose())

  test('100 steps: the loss stays within three times PyTorch float32’s own distance from its float64', async () => {
    const { n_layers, d_model, n_heads, n_ctx, d_vocab } = fixture.config
    const config = configOf(n_layers, d_model, n_heads, n_ctx, d_vocab)
    const store = syntheticWeights(config)
    const names = store.names()
    const tensors = await Promise.all(names.map((name) => readTensor(store.get(name))))
    const { steps, warmUp, rate, least, weightDecay } = fixture
    const schedule = { steps, warmUp, rate, least, decay: steps - warmUp, shape: 'cosine' } as const
    const weights = new Map(names.map((name, i) => [name, tensors[i]]))
    const training = await Gpt2Training.begin(ops, config, { ...schedule, weightDecay, longest: 1 }, weights)
    const losses: number[] = []
    for (let step = 0; step < steps; step++) losses.push(await training.step(countedTexts(step)))
    training.release()
    const largest = (found: readonly number[]) =>
      Math.max(...found.map((loss, step) => Math.abs(loss - fixture.float64[step])))
    const [ours, theirs] = [largest(losses), largest(fixture.float32)]
    assert.ok(ours <= 3 * theirs, `${ours}, PyTorch: ${theirs}`)
  })

  test.run()
}

const learning = suite('training: a tiny language')

learning('two layers learn it, agreement at a distance included, to within 5 % of its entropy', async () => {
  const ops = await createBackend('wasm')
  const config = configOf(2, 32, 2, 64, VOCABULARY)
  const [steps, warmUp] = [500, 25]
  const schedule = { rate: 1e-2, steps, warmUp, decay: steps - warmUp, least: 0.02, shape: 'cosine' } as const
  const random = createRandom(7)
  const texts = (count: number) => Array.from({ length: count }, () => textOf(8, random))
  const heldOut = texts(100)
  const meanNats = (nats: readonly number[]) =>
    nats.reduce((sum, text) => sum + text, 0) / heldOut.reduce((sum, { ids }) => sum + ids.length - 1, 0)
  const training = await Gpt2Training.begin(
    ops,
    config,
    { ...schedule, longest: 1 },
    initialWeights(config, random),
  )
  const heldOutLoss = async () =>
    meanNats(
      await textLosses(
        training.model,
        heldOut.map(({ ids }) => ids),
      ),
    )

  const entropy = meanNats(heldOut.map(({ nats }) => nats))
  assert.ok(heldOut.every(({ ids }) => ids[0] === BOS && ids.length <= config.nCtx))
  const untrained = await heldOutLoss()
  assert.ok(Math.abs(untrained - Math.log(VOCABULARY)) < 0.1, `untrained: ${untrained}`)
  while (training.steps < steps) await training.step(texts(8).map(({ ids }) => ids))
  const trained = await heldOutLoss()
  training.release()
  await ops.dispose()
  assert.ok(trained > 0.98 * entropy, `${trained} is less than the entropy, ${entropy}: the test is wrong`)
  assert.ok(trained < 1.05 * entropy, `${trained}, the entropy is ${entropy}`)
})

learning.run()
