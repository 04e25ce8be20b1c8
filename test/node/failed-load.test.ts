import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { Backend } from '../../engine/backend.ts'
import { createBackend } from '../../engine/backends.ts'
import { Device } from '../../engine/gpujs/device.ts'
import { prepareLinear } from '../../engine/gpujs/prepared.ts'
import type { GpuTensor } from '../../engine/gpujs/tensor.ts'
import { Tensor } from '../../engine/tensor.ts'
import type { WasmTensor } from '../../engine/wasm/tensors.ts'
import { sourceOf, type WeightStore } from '../../engine/weights/weights.ts'
import { loadGpt2, releaseGpt2 } from '../../gpt2/model.ts'
import { syntheticWeights } from '../../gpt2/synthetic/weights.ts'
import { loadSae, releaseSae } from '../../sae/weights.ts'
import { messageOf } from '../helpers/compare.ts'
import { smallConfig } from '../helpers/small-gpt2.ts'
import { randomSaeTensors, saeConfig, storeOf } from '../helpers/small-sae.ts'

// A model or an SAE that cannot be loaded leaves nothing in memory.

const test = suite('failed loads')

const ops = await createBackend('wasm', { threads: 1 })
test.after(() => ops.dispose())
const probe = ops.upload(Tensor.zeros([1])) as WasmTensor
const usedBytes = () => probe.block.arena.usedBytes

/** The same store, one of whose tensors cannot be read to its end. */
function broken(store: WeightStore, name: string): WeightStore {
  return {
    ...store,
    get(asked) {
      const source = store.get(asked)
      if (asked !== name) return source
      return {
        ...source,
        read: async (into, start) => {
          await source.read(into, start)
          into[into.length - 1] = NaN
        },
      }
    },
  }
}

async function checkLeavesNothing(
  store: WeightStore,
  load: (ops: Backend, store: WeightStore) => Promise<() => void>,
): Promise<void> {
  const before = usedBytes()
  for (const name of store.names()) {
    const message = await messageOf(() => load(ops, broken(store, name)))
    assert.match(message, new RegExp(`${name} holds NaN`))
    assert.is(usedBytes() - before, 0, `bytes left behind by a NaN in ${name}`)
  }
  const release = await load(ops, store)
  assert.ok(usedBytes() > before)
  release()
  assert.is(usedBytes(), before)
}

test('a GPT-2 with a NaN in any of its tensors', () =>
  checkLeavesNothing(syntheticWeights(smallConfig), async (ops, store) => {
    const model = await loadGpt2(ops, store, smallConfig)
    return () => releaseGpt2(model)
  }))

test('an SAE with a NaN in any of its tensors', () =>
  checkLeavesNothing(storeOf({ ...randomSaeTensors(8, 20, 1) }), async (ops, store) => {
    const sae = await loadSae(ops, store, saeConfig(8, 20))
    return () => releaseSae(sae)
  }))

test('gpujs: the parts of a layer whose bias cannot be read', async () => {
  const device = await Device.start('cpu')
  const uploaded: GpuTensor[] = []
  const upload = device.upload.bind(device)
  device.upload = async (tensor) => {
    const made = await upload(tensor)
    uploaded.push(made)
    return made
  }
  const weight = sourceOf('w', Tensor.zeros([4, 3]))
  const bias = {
    ...sourceOf('b', Tensor.zeros([3])),
    read: () => Promise.reject(new Error('the disk is gone')),
  }
  assert.is(await messageOf(() => prepareLinear(device, weight, bias, false)), 'the disk is gone')
  assert.is(uploaded.length, 1)
  assert.throws(() => uploaded[0].storage, /was freed/)
  await device.dispose()
})

test('a released encoder takes its 8-bit columns with it', async () => {
  const screened = await createBackend('wasm', { threads: 1, sparseEncoder: 'screened' })
  const x = screened.upload(randomSaeTensors(32, 64, 1).b_dec.reshape([1, 32])) as WasmTensor
  const before = x.block.arena.usedBytes
  const { W_enc, b_enc } = randomSaeTensors(32, 64, 2)
  const encoder = await screened.prepareEncoder(sourceOf('w', W_enc), sourceOf('b', b_enc))
  const prepared = x.block.arena.usedBytes
  await screened.sparseEncode(x, encoder)
  assert.ok(x.block.arena.usedBytes > prepared, 'the screen has made its columns')
  screened.release(encoder)
  assert.is(x.block.arena.usedBytes, before)
  await screened.dispose()
})

test.run()
