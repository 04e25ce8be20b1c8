// SAEs that --saes names: files of torch's, releases and repositories of a hub on this machine.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBackend } from '../../engine/backends.ts'
import { toDense } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { gpt2Small } from '../../gpt2/config.ts'
import { findSaes } from '../../experiments/lab/models/find-saes.ts'
import { releases } from '../../experiments/lab/models/hub/releases.ts'
import { checkPath } from '../../experiments/lab/models/hub/store.ts'
import { findModel } from '../../experiments/lab/models/model-source.ts'
import { reconstruct } from '../../sae/decoder.ts'
import { encode } from '../../sae/encoder.ts'
import { loadSae, releaseSae } from '../../sae/weights.ts'
import { messageOf } from '../helpers/compare.ts'
import { startHub, type HubServer, type Served } from '../helpers/hub-server.ts'
import { refusal } from '../helpers/refusal.ts'

const ROOT = join(import.meta.dirname, '../..')
const TORCH = join(ROOT, 'test/reference/sae-torch')
const MODEL = join(ROOT, 'test/reference/saelens/model')
const COMMIT = '0123456789abcdef0123456789abcdef01234567'

const read = (path: string): Uint8Array => fs.readFileSync(join(ROOT, path))
const json = (value: object): Uint8Array => new TextEncoder().encode(JSON.stringify(value))

const torch = suite('SAEs in files of torch')
const expected = JSON.parse(fs.readFileSync(join(TORCH, 'expected.json'), 'utf8')) as {
  x: number[]
} & Record<string, { features: number[]; rebuilt: number[] }>

for (const [file, name, hook, out] of [
  ['transcoder.pt', 'transcoder', 'blocks.1.ln2.hook_normalized', 'blocks.1.hook_mlp_out'],
  ['transcoder.pkl', 'transcoder', 'blocks.1.ln2.hook_normalized', 'blocks.1.hook_mlp_out'],
  ['transcoder.pkl.gz', 'transcoder', 'blocks.1.ln2.hook_normalized', 'blocks.1.hook_mlp_out'],
  ['stream.pt', 'stream', 'blocks.0.hook_resid_pre', 'blocks.0.hook_resid_pre'],
  ['heads.pt', 'heads', 'blocks.0.attn.hook_z', 'blocks.0.attn.hook_z'],
])
  torch(`${file} gives what torch computes with it`, async () => {
    const { saes } = await findModel(MODEL, { saes: join(TORCH, file) })
    assert.equal([...saes.keys()], [hook])
    const source = saes.get(hook)!
    const { config } = source
    assert.is(config.hookNameOut, out)
    assert.is(config.centered, name !== 'heads')
    const ops = await createBackend('reference')
    const store = await source.weights()
    const sae = await loadSae(ops, store, config)
    await store.close()
    const x = ops.upload(Tensor.of([5, 16], expected.x))
    const features = await encode(ops, sae, x)
    const rebuilt = await ops.download(await reconstruct(ops, sae, x, features))
    const { data } = toDense(features)
    for (const [i, value] of expected[name].features.entries())
      assert.ok(Math.abs(data[i] - value) < 1e-5, `feature ${i}: ${data[i]}, ${value}`)
    for (const [i, value] of expected[name].rebuilt.entries())
      assert.ok(Math.abs(rebuilt.data[i] - value) < 1e-5, `${i}: ${rebuilt.data[i]}, ${value}`)
    releaseSae(sae)
    await ops.dispose()
  })

torch('a folder with two of one hook is refused by both names', async () => {
  assert.match(
    await refusal(findModel(MODEL, { saes: TORCH })),
    /transcoder\.p\S+ and \S+transcoder\.p\S+ are both of blocks\.1\.ln2\.hook_normalized; keep one/,
  )
})

torch('weights without a configuration say where it goes; a folder without SAEs says so', async () => {
  const folder = fs.mkdtempSync(join(tmpdir(), 'clearbox-torch-'))
  fs.copyFileSync(join(TORCH, 'heads.pt'), join(folder, 'heads.pt'))
  assert.match(
    await refusal(findModel(MODEL, { saes: folder })),
    /heads\.pt: expected a configuration \(cfg\) beside the weights, found none: put it into heads_cfg\.json/,
  )
  fs.rmSync(join(folder, 'heads.pt'))
  assert.match(await refusal(findModel(MODEL, { saes: folder })), /there is no SAE in it/)
  fs.rmSync(folder, { recursive: true })
  assert.match(
    await refusal(findModel(MODEL, { saes: 'gpt3-large' })),
    /--saes gpt3-large: expected a folder, a file, OWNER\/NAME.* or one of gpt2-small-res-jb, /,
  )
})
torch.run()

const MLP = 'tommmcgrath/gpt2-small-mlp-out-saes/sae_group_gpt2_blocks.6.hook_mlp_out_24576:v0'
const Z =
  'ckkissane/attn-saes-gpt2-small-all-layers/gpt2-small_L3_Hcat_z_lr1.20e-03_l19.00e-01_ds24576_bs4096_dc1.00e-06_rsanthropic_rie25000_nr4_v9'
const CODER =
  'pchlenski/gpt2-transcoders/final_sparse_autoencoder_gpt2-small_blocks.5.ln2.hook_normalized_24576.pt'
const ARENA = 'callummcdougall/arena-demos-transcoder/gpt2-small-layer-8-mlp-transcoder-folded-b_dec_out'
const arenaCfg = { d_in: 768, d_sae: 24576, apply_b_dec_to_input: false }
const HOOK = 'blocks.1.hook_resid_pre'
const served: Record<string, Served> = {
  [`${MLP}/cfg.json`]: {
    content: json({
      ...{ d_in: 768, d_sae: 24576, hook_point: 'blocks.6.hook_mlp_out' },
      normalize_activations: 'expected_average_only_in',
    }),
    large: false,
  },
  [`${Z}_cfg.json`]: {
    content: json({ act_name: 'blocks.3.attn.hook_z', act_size: 768, dict_size: 24576 }),
    large: false,
  },
  [`${Z}.pt`]: { content: read('test/reference/sae-torch/heads.pt'), large: true },
  [CODER]: { content: read('test/reference/sae-torch/transcoder.pt'), large: true },
  [`${ARENA}/cfg.json`]: {
    content: json({ ...arenaCfg, architecture: 'standard', hook_name: 'blocks.8.ln2.hook_normalized' }),
    large: false,
  },
  'distilbert/distilgpt2/config.json': { content: read('gpt2/tiny/config.json'), large: false },
  'distilbert/distilgpt2/model.safetensors': { content: read('gpt2/tiny/model.safetensors'), large: true },
  [`someone/saes/here/cfg.json`]: { content: read(`sae/tiny/${HOOK}/cfg.json`), large: false },
  [`someone/saes/here/sae_weights.safetensors`]: {
    content: read(`sae/tiny/${HOOK}/sae_weights.safetensors`),
    large: true,
  },
}

let hub: HubServer
let folder: string
const before = { ...process.env }
const hubs = suite('SAEs of the hub')
hubs.before.each(async () => {
  hub = await startHub(served, COMMIT)
  folder = fs.mkdtempSync(join(tmpdir(), 'clearbox-saes-'))
  const settings = { HF_ENDPOINT: hub.endpoint, HF_HUB_CACHE: folder, HF_TOKEN: '', HF_HUB_OFFLINE: '' }
  Object.assign(process.env, settings)
})
hubs.after.each(async () => {
  await hub[Symbol.asyncDispose]()
  fs.rmSync(folder, { recursive: true })
  for (const name of ['HF_ENDPOINT', 'HF_HUB_CACHE', 'HF_TOKEN', 'HF_HUB_OFFLINE'])
    if (before[name] === undefined) delete process.env[name]
    else process.env[name] = before[name]
})

hubs('every release: its files have names that can be fetched, and no two SAEs one hook', () => {
  assert.is(Object.keys(releases).length, 1 + 8 + 8 + 6 + 4)
  for (const [name, saes] of Object.entries(releases)) {
    const hooks = saes.map(({ hook }) => hook)
    assert.is(new Set(hooks).size, saes.length, name)
    for (const { config, weights } of saes)
      for (const file of config ? [config, weights] : [weights]) {
        checkPath(file.path)
        checkPath(file.local)
      }
  }
})

const model = { name: 'gpt2', config: gpt2Small }
/** Of a release, that of one block: the others are not on this hub. */
async function oneOf(release: string, block: number) {
  const saes = releases[release]
  const all = releases as Record<string, typeof saes>
  all[release] = [saes[block]]
  try {
    return (await findSaes(release, model, { quiet: true })).saes.values().next().value!
  } finally {
    all[release] = saes
  }
}

hubs('mlp-tm: centred, with the scale that stands in the release alone', async () => {
  const { config, published } = await oneOf('gpt2-small-mlp-tm', 6)
  assert.is(config.centered, true)
  assert.is(config.inputScale, 1.3237742807210804)
  assert.equal(published, { l0: 40, explainedVariance: 0.508 })
})

hubs('hook-z-kk: torch’s weights beside settings of their own kind', async () => {
  const source = await oneOf('gpt2-small-hook-z-kk', 3)
  const { config } = source
  assert.is(config.hookName, 'blocks.3.attn.hook_z')
  assert.is(config.dSae, 24576)
  const store = await source.weights()
  assert.equal(store.names().toSorted(), ['W_dec', 'W_enc', 'b_dec', 'b_enc'])
  await store.close()
})

hubs('transcoders: nothing is fetched to know them', async () => {
  const { saes } = await findSaes('gpt2-small-transcoders', model, { quiet: true })
  assert.is(saes.size, 12)
  assert.is(hub.requests.length, 0)
  const store = await saes.get('blocks.5.ln2.hook_normalized')!.weights()
  assert.is(store.names().includes('b_dec_out'), false)
  await store.close()
})

hubs('ARENA’s transcoders: saved as SAEs of their input; a b_dec taken from it is refused', async () => {
  const hooks = ['blocks.8.ln2.hook_normalized', 'blocks.8.hook_mlp_out']
  const { config } = await oneOf('gpt2-small-transcoders-arena', 8)
  assert.equal([config.architecture, config.hookName, config.hookNameOut, config.centered, config.dOut], ['transcoder', ...hooks, true, 768]) // prettier-ignore
  const path = `${ARENA}/cfg.json`
  const file = served[path]
  const serve = async (settings: object) => {
    served[path] = { content: json(settings), large: false }
    fs.rmSync(folder, { recursive: true })
    return oneOf('gpt2-small-transcoders-arena', 8).finally(() => (served[path] = file))
  }
  const six = await serve({ ...arenaCfg, metadata: { hook_name: hooks[0] } })
  assert.equal(six.config, config, 'SAELens 6’s layout')
  const subtracts = { ...arenaCfg, hook_name: hooks[0], apply_b_dec_to_input: true }
  assert.match(await messageOf(() => serve(subtracts)), /apply_b_dec_to_input is true, expected false/)
})

async function run(script: string, ...args: string[]) {
  const child = spawn(process.execPath, [join(ROOT, 'experiments/tools', script), ...args], {
    env: process.env,
  })
  const text = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (text.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (text.stderr += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number]
  return { code, ...text }
}

hubs('a repository, fetched ahead and then used offline; what is missing names the command', async () => {
  const saes = ['--saes', `someone/saes@${COMMIT}:here`]
  const capture = [
    'capture/main.ts',
    '--model',
    'distilgpt2',
    ...saes,
    '--text',
    'The dog',
    '--hooks',
    `${HOOK}.hook_sae_acts_post`,
  ]
  const out = ['--out', join(folder, 'a.safetensors')]
  const [script, ...options] = capture
  const missing = await run(script, ...options, ...out, '--offline')
  assert.is(missing.code, 1)
  const fetched = await run('download/main.ts', 'distilgpt2', ...saes)
  assert.is(fetched.code, 0, fetched.stderr)
  assert.match(fetched.stdout, /sae\/someone\/saes\/here\/sae_weights\.safetensors/)
  const asked = hub.requests.length
  const used = await run(script, ...options, ...out, '--offline')
  assert.is(used.code, 0, used.stderr)
  assert.is(hub.requests.length, asked)
  const refused = await refusal(
    findModel('distilgpt2', { quiet: true, offline: true, saes: 'gpt2-small-mlp-tm' }),
  )
  assert.match(refused, /offline, and not in .*npm run download -- distilgpt2 --saes gpt2-small-mlp-tm$/)
})
hubs.run()
