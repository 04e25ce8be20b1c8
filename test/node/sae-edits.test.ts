import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { streamDirections } from '../../experiments/lab/analysis/features/directions.ts'
import { joinHooks } from '../../experiments/lab/models/hooks.ts'
import { saeActivation, splitName } from '../../experiments/tools/capture/sae-activations.ts'
import { toDense, type SparseRows } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { openFile } from '../../engine/weights/files-node.ts'
import { openSafetensors } from '../../engine/weights/safetensors.ts'
import { parseConfig } from '../../gpt2/config.ts'
import type { Hook, HookTable } from '../../gpt2/hooks.ts'
import { capture, loadGpt2, run } from '../../gpt2/model.ts'
import { parseSaeConfig } from '../../sae/config.ts'
import { decoderRows } from '../../sae/decoder.ts'
import { addDirection, directionAt, liveEdit, removal, unitsAt } from '../../sae/edit.ts'
import { encode } from '../../sae/encoder.ts'
import { splice } from '../../sae/splice.ts'
import { loadSae } from '../../sae/weights.ts'
import { reference as ops } from '../helpers/backends.ts'

// Editing a feature, at every kind of site and normalisation: the SAEs of test/reference/saelens.

const folder = join(import.meta.dirname, '../reference/saelens')
const text = (...path: string[]): string => readFileSync(join(folder, ...path), 'utf8')
async function open(...path: string[]) {
  return openSafetensors(await openFile(join(folder, ...path)))
}
const { ids } = JSON.parse(text('figures.json')) as { ids: number[] }
const modelStore = await open('model', 'model.safetensors')
const gpt2 = await loadGpt2(ops, modelStore, parseConfig(text('model', 'config.json')))
await modelStore.close()

const NAMES = [
  ...['standard-centred', 'standard-layer_norm', 'standard-constant_norm', 'standard-average', 'gated'],
  ...['mlp_out', 'attn_out', 'z', 'z-layer_norm', 'z-head', 'transcoder', 'transcoder-layer_norm'],
  'skip_transcoder',
]

async function open1(name: string) {
  const store = await open('saes', name, 'sae_weights.safetensors')
  const sae = await loadSae(ops, store, parseSaeConfig(text('saes', name, 'cfg.json')))
  await store.close()
  const at = (await capture(gpt2, [ids], [sae.config.hookName])).get(sae.config.hookName)!
  const features = await encode(ops, sae, at)
  const later = features.indices.slice(features.offsets[1])
  const feature = later[Math.floor(later.length / 2)] // one that fires somewhere behind BOS
  const row = (await decoderRows(sae, [feature])).row(0)
  return { sae, at, features, feature, direction: directionAt(sae.config, row, gpt2.config.dModel) }
}

async function logitsWith(hooks: HookTable): Promise<Tensor> {
  let logits = Tensor.zeros([0])
  await run(gpt2, [ids], joinHooks(hooks, { logits: async (x) => void (logits = await ops.download(x)) }))
  return logits
}

function near(got: Tensor, expected: Tensor, what: string): void {
  for (const [i, value] of expected.data.entries())
    assert.ok(
      Math.abs(got.data[i] - value) <= 2e-5 * (1 + Math.abs(value)),
      `${what}: ${got.data[i]}, not ${value}`,
    )
}

const test = suite('editing features at every site')

for (const name of NAMES)
  test(`${name}: a feature taken out is the splice without it, what the SAE misses given back`, async () => {
    const { sae, at, features, feature, direction } = await open1(name)
    const { hookName, hookNameOut } = sae.config
    const without = (all: SparseRows): SparseRows => ({
      ...all,
      values: all.values.map((value, i) => (all.indices[i] === feature && i >= all.offsets[1] ? 0 : value)),
    })
    // What stands at the hook plus what the splice without the feature changes beside the splice with it.
    const made: Tensor[] = []
    const keep: Hook = async (x) => void made.push(await ops.download(x))
    const original = (await capture(gpt2, [ids], [hookNameOut])).get(hookNameOut)!
    await logitsWith(joinHooks(splice(sae, hookName), { [hookNameOut]: keep }))
    await logitsWith(joinHooks(splice(sae, hookName, without), { [hookNameOut]: keep }))
    const wanted = original.data.map((value, i) => value - made[0].data[i] + made[1].data[i])
    const expected = await logitsWith({ [hookNameOut]: async () => new Tensor(original.shape, wanted) })

    const off = liveEdit(sae, feature, direction, { kind: 'off', onFiring() {} })
    near(await logitsWith(off), expected, 'as it is written')
    const column = toDense(features).data.filter((_, i) => i % sae.config.dSae === feature)
    const coefficients = removal([column], [await unitsAt(ops, sae, at)])[0]
    near(
      await logitsWith({ [hookNameOut]: addDirection(coefficients, direction) }),
      expected,
      'by its activations',
    )
    const clean = await logitsWith({})
    assert.ok(
      clean.data.some((value, i) => Math.abs(value - expected.data[i]) > 1e-3),
      'the feature matters',
    )
  })

test('a direction stands in the stream as the hook’s own writing has it', async () => {
  for (const name of ['z', 'z-head', 'mlp_out', 'transcoder']) {
    const { sae, feature, direction } = await open1(name)
    const { hookNameOut } = sae.config
    const [seen] = (await streamDirections(gpt2, sae, await decoderRows(sae, [feature]))).shape
    assert.is(seen, 1)
    const stream = (await streamDirections(gpt2, sae, await decoderRows(sae, [feature]))).row(0)
    const after = `blocks.1.${hookNameOut.endsWith('hook_z') ? 'hook_attn_out' : 'hook_mlp_out'}`
    const outputs: Tensor[] = []
    for (const multiple of [0, 1]) {
      const add = addDirection(new Float32Array(ids.length).fill(multiple), direction)
      const hooks = joinHooks(
        { [hookNameOut]: add },
        { [after]: async (x) => void outputs.push(await ops.download(x)) },
      )
      await logitsWith(hooks)
    }
    const added = outputs[1].data.map((value, i) => value - outputs[0].data[i])
    for (let t = 0; t < ids.length; t++)
      near(
        new Tensor([stream.length], added.slice(t * stream.length, (t + 1) * stream.length)),
        Tensor.of([stream.length], stream),
        name,
      )
  }
})

test('what capture shows of an SAE: pre-activations, reconstruction, error', async () => {
  for (const name of ['standard-centred', 'standard-layer_norm', 'z-head', 'transcoder-centred']) {
    const { sae, at, features } = await open1(name)
    const target = (await capture(gpt2, [ids], [sae.config.hookNameOut])).get(sae.config.hookNameOut)!
    const [pre, post, recons, error] = await Promise.all(
      (['hook_sae_acts_pre', 'hook_sae_acts_post', 'hook_sae_recons', 'hook_sae_error'] as const).map(
        (what) => saeActivation(sae, what, at, target),
      ),
    )
    assert.equal(post.data, toDense(features).data)
    assert.equal(
      pre.data.map((value) => Math.max(0, value)),
      post.data,
    )
    // With the error added, splicing changes nothing.
    const spliced: Tensor[] = []
    const keep: Hook = async (x) => void spliced.push(await ops.download(x))
    await logitsWith(joinHooks(splice(sae, sae.config.hookName), { [sae.config.hookNameOut]: keep }))
    assert.is(recons.data.length, error.data.length)
    if (name !== 'z-head')
      near(
        new Tensor(
          target.shape,
          spliced[0].data.map((value, i) => value + error.data[i]),
        ),
        target,
        name,
      )
  }
  assert.equal(splitName('blocks.0.hook_resid_pre.hook_sae_error'), {
    hook: 'blocks.0.hook_resid_pre',
    saeHook: 'hook_sae_error',
  })
  assert.equal(splitName('logits'), { hook: 'logits' })
})

const hookTest = suite('interventions inside LayerNorm and attention')
const at = async (hooks: HookTable, name: string): Promise<Tensor> => {
  let kept = Tensor.zeros([0])
  await run(gpt2, [ids], joinHooks(hooks, { [name]: async (x) => void (kept = await ops.download(x)) }))
  return kept
}
const times =
  (factor: number): Hook =>
  async (x) => {
    const tensor = await ops.download(x)
    return new Tensor(
      tensor.shape,
      tensor.data.map((value) => value * factor),
    )
  }
const scaled = ({ shape, data }: Tensor, factor: number) =>
  new Tensor(
    shape,
    data.map((value) => value * factor),
  )

hookTest(
  'twice the scale is half the normalised stream, and the heads write what they are told',
  async () => {
    const clean = await at({}, 'blocks.1.ln1.hook_normalized')
    near(
      await at({ 'blocks.1.ln1.hook_scale': times(2) }, 'blocks.1.ln1.hook_normalized'),
      scaled(clean, 0.5),
      'half',
    )
    const halves = [
      await logitsWith({ 'blocks.1.ln2.hook_scale': times(2) }),
      await logitsWith({ 'blocks.1.ln2.hook_normalized': times(0.5) }),
    ]
    near(halves[0], halves[1], 'logits')
    const without = await at({ 'blocks.0.attn.hook_result': times(0) }, 'blocks.0.hook_attn_out')
    for (let t = 1; t < ids.length; t++) assert.equal(without.row(t), without.row(0), 'the bias alone')
    near(
      await logitsWith({ 'blocks.0.attn.hook_z': times(2) }),
      await logitsWith({ 'blocks.0.attn.hook_result': times(2) }),
      'twice z',
    )
    const flat = await at(
      {
        'blocks.0.attn.hook_attn_scores': async (x) => {
          const scores = await ops.download(x)
          return new Tensor(
            scores.shape,
            scores.data.map((value) => (value === -Infinity ? value : 0)),
          )
        },
      },
      'blocks.0.attn.hook_pattern',
    )
    const even = flat.data.filter((value) => value > 0)
    assert.ok(
      even.every((value) => Number.isInteger(Math.round(1e4 / value) / 1e4)),
      'every key alike',
    )
  },
)

test.run()
hookTest.run()
