import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Backend } from '../../engine/backend.ts'
import { createBackend } from '../../engine/backends.ts'
import { Tensor } from '../../engine/tensor.ts'
import { createWasmBackend } from '../../engine/wasm/backend.ts'
import { platform as nodePlatform } from '../../engine/wasm/platform/platform-node.ts'
import { sourceOf } from '../../engine/weights/weights.ts'
import { openModel } from '../../experiments/lab/models/models.ts'
import { releaseGpt2, run, type Gpt2 } from '../../gpt2/model.ts'
import { releaseSae } from '../../sae/weights.ts'
import { rejection } from '../helpers/bench.ts'
import { randomIds, smallGpt2 } from '../helpers/small-gpt2.ts'
import { randomSaeTensors, saeOf } from '../helpers/small-sae.ts'
import { randomTensor } from '../helpers/random.ts'

const test = suite('wasm memory')

const LIMIT = 4 * 2 ** 20
const CYCLES = 50

/** How many numbers the largest tensor has that still fits: one block left behind, and it is fewer. */
function largestTensor(ops: Backend): number {
  let [fits, fails] = [0, LIMIT / 4]
  while (fails - fits > 1) {
    const size = Math.floor((fits + fails) / 2)
    try {
      ops.release(ops.upload(Tensor.zeros([size])))
      fits = size
    } catch {
      fails = size
    }
  }
  return fits
}

async function staysFlat(cycle: (ops: Backend) => Promise<void>): Promise<void> {
  const ops = await createWasmBackend(nodePlatform, { threads: 1, maximumBytes: LIMIT })
  const before = largestTensor(ops)
  assert.ok(before > LIMIT / 8, `only ${before} numbers fit into a new backend`)
  for (let i = 0; i < CYCLES; i++) await cycle(ops)
  assert.is(largestTensor(ops), before)
  await ops.dispose()
}

test('models loaded, run and released leave nothing', () =>
  staysFlat(async (ops) => {
    const model = await smallGpt2(ops)
    await run(model, [randomIds(5, 1)], { logits: async (x, inner) => void (await inner.download(x)) })
    releaseGpt2(model)
  }))

test('SAEs loaded, run on a text and released leave nothing', () =>
  staysFlat(async (ops) => {
    const sae = await saeOf(ops, randomSaeTensors(24, 100, 1))
    await ops.scope(async (inner) => {
      const x = inner.upload(randomTensor([7, 24], 1))
      const features = await inner.sparseEncode(x, sae.encoder)
      await inner.sparseDecode(features, sae.W_dec, sae.b_dec)
    })
    releaseSae(sae)
  }))

test('a block that uses a model and an SAE leaves nothing', () =>
  staysFlat(async (ops) => {
    using model = await smallGpt2(ops)
    using sae = await saeOf(ops, randomSaeTensors(24, 100, 1))
    assert.ok(model.weights && sae.encoder)
  }))

test('behind their blocks an open model is released, and its backend stopped', async () => {
  let gpt2: Gpt2
  {
    await using ops = await createBackend('wasm', { threads: 1 })
    {
      using model = await openModel('tiny', ops, { quiet: true })
      gpt2 = model.gpt2
    }
    assert.match(await rejection(run(gpt2, [[0]], { logits: async () => {} })), /released/)
  }
  const { ops } = gpt2
  assert.match(await rejection(ops.gelu(ops.upload(Tensor.zeros([4])))), /disposed/)
})

test('encoders of every selection leave nothing', () =>
  staysFlat(async (ops) => {
    const { W_enc, b_enc } = randomSaeTensors(24, 100, 1)
    const [weight, bias] = [sourceOf('w', W_enc), sourceOf('b', b_enc)]
    const selections = [{ keep: 'above', threshold: bias } as const, { keep: 'largest', k: 3 } as const]
    for (const selection of [undefined, ...selections]) {
      const encoder = await ops.prepareEncoder(weight, bias, selection)
      await ops.scope(async (inner) => {
        const x = inner.upload(randomTensor([7, 24], 1))
        await inner.sparseEncode(x, encoder)
        await inner.preActivations(x, encoder)
      })
      ops.release(encoder)
    }
  }))

test('tensors made outside scopes, caches and tables are gone when released', () =>
  staysFlat(async (ops) => {
    const x = ops.upload(randomTensor([3, 8], 1))
    const sum = await ops.add(x, x)
    const cache = ops.createCache(9, 8)
    await ops.append(cache, sum)
    for (const resource of [x, sum, cache]) ops.release(resource)
  }))

test.run()
