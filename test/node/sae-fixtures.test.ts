import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { DeviceTensor, Backend } from '../../engine/backend.ts'
import { toDense, type SparseRows } from '../../engine/sparse.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { openFile } from '../../engine/weights/files-node.ts'
import { openSafetensors } from '../../engine/weights/safetensors.ts'
import { readTensor } from '../../engine/weights/weights.ts'
import { parseConfig } from '../../gpt2/config.ts'
import { hookNames } from '../../gpt2/hooks.ts'
import { capture, loadGpt2 } from '../../gpt2/model.ts'
import { measureSaes } from '../../experiments/lab/models/sae-quality.ts'
import { reconstruct } from '../../sae/decoder.ts'
import { encode } from '../../sae/encoder.ts'
import { parseSaeConfig, type SaeConfig } from '../../sae/config.ts'
import { saeJson, saeTensors } from '../../sae/save.ts'
import { loadSae, releaseSae } from '../../sae/weights.ts'
import { startBackends } from '../helpers/backends.ts'
import { messageOf } from '../helpers/compare.ts'
import { storeOf } from '../helpers/small-sae.ts'

// What SAELens, TransformerLens and transformers computed with a small random GPT-2 and SAEs of every kind that they saved:
// test/reference/make-sae-fixtures.py.

const folder = join(import.meta.dirname, '../reference/saelens')
async function read(...path: string[]): Promise<Record<string, Tensor>> {
  const store = await openSafetensors(await openFile(join(folder, ...path)))
  const tensors: Record<string, Tensor> = {}
  for (const name of store.names()) tensors[name] = await readTensor(store.get(name))
  await store.close()
  return tensors
}
const text = (...path: string[]): string => readFileSync(join(folder, ...path), 'utf8')

interface Figures {
  readonly l0: number
  readonly explained_variance: number
  readonly ce_spliced: number
}
const { ids, saes } = JSON.parse(text('figures.json')) as {
  ids: number[]
  saes: Record<string, Figures>
}
const names = Object.keys(saes)
const config = parseConfig(text('model', 'config.json'))
const expected = await read('expected.safetensors')
const recorded = await read('hooks.safetensors')
const weights = storeOf(await read('model', 'model.safetensors'))

/** How far the most distant number is, as a share of 1 + its size. */
function distance(got: Tensor, wanted: Tensor): number {
  assert.is(got.data.length, wanted.data.length)
  let most = 0
  for (const [i, value] of wanted.data.entries())
    if (value !== got.data[i]) most = Math.max(most, Math.abs(got.data[i] - value) / (1 + Math.abs(value)))
  return most
}

function near(got: number, wanted: number, what: string): void {
  assert.ok(Math.abs(got - wanted) <= 1e-5 * (1 + Math.abs(wanted)), `${what} is ${got}, expected ${wanted}`)
}

const all = await startBackends()
const models = await Promise.all(all.map((ops) => loadGpt2(ops, weights, config)))
for (const gpt2 of models) {
  const { ops } = gpt2
  const test = suite(`SAELens fixtures: ${ops.name}`)
  const run = async (name: string, changes: Partial<SaeConfig> = {}) => {
    const saeConfig = { ...parseSaeConfig(text('saes', name, 'cfg.json'), name), ...changes }
    const tensors = await read('saes', name, 'sae_weights.safetensors')
    const sae = await loadSae(ops, storeOf(tensors), saeConfig)
    const at = (await capture(gpt2, [ids], [saeConfig.hookName])).get(saeConfig.hookName)!
    let features: SparseRows
    const rebuilt = await inScope(ops, async (ops) => {
      const x = ops.upload(at)
      features = await encode(ops, sae, x)
      return reconstruct(ops, sae, x, features)
    })
    return { sae, features: toDense(features!), rebuilt }
  }
  const errors = async (name: string, changes?: Partial<SaeConfig>) => {
    const { sae, features, rebuilt } = await run(name, changes)
    releaseSae(sae)
    return {
      features: distance(features, expected[`${name}/features`]),
      rebuilt: distance(rebuilt, expected[`${name}/rebuilt`]),
    }
  }

  for (const name of names)
    test(`${name}: features and reconstruction to 1e-5`, async () => {
      const { features, rebuilt } = await errors(name)
      assert.ok(features <= 1e-5, `features differ by ${features}`)
      assert.ok(rebuilt <= 1e-5, `reconstructions differ by ${rebuilt}`)
    })

  for (const name of names)
    test(`${name}: L0, explained variance and the loss with it spliced in`, async () => {
      const { sae } = await run(name)
      const hook = sae.config.hookName
      const measured = await measureSaes({ gpt2, openSae: async () => sae }, [ids], [hook])
      const { l0, explained_variance, ce_spliced } = measured.get(hook)!
      near(l0, saes[name].l0, 'L0')
      near(explained_variance, saes[name].explained_variance, 'explained variance')
      near(ce_spliced, saes[name].ce_spliced, 'loss')
    })

  test('a flipped setting is caught: by features, or by reconstruction where they do not see it', async () => {
    const flipped: readonly [name: string, changes: Partial<SaeConfig>][] = [
      ['standard', { centered: true }],
      ['standard-centred', { centered: false }],
      ['standard', { subtractsDecoderBias: false }],
      ['standard-no-b_dec', { subtractsDecoderBias: true }],
      ['standard', { normalisation: 'layer_norm' }],
      ['standard-layer_norm', { normalisation: 'none' }],
      ['standard-constant_norm', { normalisation: 'layer_norm' }],
      ['standard-average', { inputScale: 1 }],
      ['topk', { architecture: 'standard' }],
      ['topk', { k: 6 }],
      ['topk-rescaled', { scalesByDecoderNorm: false }],
      ['topk', { scalesByDecoderNorm: true }],
      ['z-head', { headIndex: 0 }],
      ['mlp_out', { centered: false }],
      ['attn_out', { centered: false }],
      ['resid_mid', { hookName: 'blocks.0.hook_resid_post', hookNameOut: 'blocks.0.hook_resid_post' }],
      ['transcoder-layer_norm', { normalisation: 'none' }],
      ['transcoder', { hookName: 'blocks.1.hook_resid_mid' }],
      ['transcoder-layer_norm', { hookNameOut: 'blocks.1.ln2.hook_normalized' }], // the norm would be undone
    ]
    for (const [name, changes] of flipped) {
      const { features, rebuilt } = await errors(name, changes)
      assert.ok(Math.max(features, rebuilt) > 1e-3, `${name} with ${JSON.stringify(changes)}`)
    }
  })

  test('every hook that TransformerLens has under the same name', async () => {
    const shared = hookNames(config).filter((name) => name in recorded)
    const captured = await capture(gpt2, [ids], shared)
    for (const name of shared) {
      const error = distance(captured.get(name)!, recorded[name])
      assert.ok(error <= 1e-5, `${name} differs by ${error}`)
    }
    const own = hookNames(config).filter((name) => !shared.includes(name))
    assert.equal(own, ['logits'], 'ours alone')
  })

  test.after(() => ops.dispose())
  test.run()
}

async function inScope(ops: Backend, work: (ops: Backend) => Promise<DeviceTensor>): Promise<Tensor> {
  const result = await ops.scope(work)
  const tensor = await ops.download(result)
  ops.release(result)
  return tensor
}

const complete = suite('SAELens fixtures')
complete('every folder is held to what was recorded of it', () => {
  assert.equal(readdirSync(join(folder, 'saes')).sort(), [...names].sort())
})
complete('what is saved reads as what was read, and holds the same numbers', async () => {
  for (const name of names) {
    const config = parseSaeConfig(text('saes', name, 'cfg.json'))
    const tensors = await read('saes', name, 'sae_weights.safetensors')
    const saved = await saeTensors(storeOf(tensors), config)
    assert.equal(parseSaeConfig(saeJson(config)), { ...config, inputScale: 1 }, name)
    for (const [part, { shape, data }] of saved) {
      assert.equal(shape, tensors[part].shape)
      if (config.inputScale === 1) assert.equal(data, tensors[part].data, `${name}: ${part}`)
    }
    if (config.inputScale !== 1) assert.not.equal(saved.get('W_enc')!.data, tensors.W_enc.data)
  }
})
complete('one weight file under the config of another architecture is refused', async () => {
  const topk = parseSaeConfig(text('saes', 'topk', 'cfg.json'))
  const store = storeOf(await read('saes', 'gated', 'sae_weights.safetensors'))
  assert.match(await messageOf(() => loadSae(all[0], store, topk)), 'missing the tensor b_enc')
})
complete.run()
