// Models known by name: fetched from a hub on this machine that has the bundled model's files under their names.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { UserError } from '../../experiments/lab/cli/user-error.ts'
import type { HubFile } from '../../experiments/lab/models/hub/store.ts'
import { knownModels, type KnownModel } from '../../experiments/lab/models/hub/known-models.ts'
import { knownSource } from '../../experiments/lab/models/model-source.ts'
import { layerOf } from '../../experiments/lab/models/hooks.ts'
import { sha256, startHub, type HubServer, type Served } from '../helpers/hub-server.ts'

const ROOT = join(import.meta.dirname, '../..')
const COMMIT = '0123456789abcdef0123456789abcdef01234567'
const SAES = 'someone/tiny-saes'

const bundled = (path: string): Uint8Array => fs.readFileSync(join(ROOT, path))
const hooks = [0, 1].map((layer) => `blocks.${layer}.hook_resid_pre`)

const served: Record<string, Served> = {
  'distilbert/distilgpt2/config.json': { content: bundled('gpt2/tiny/config.json'), large: false },
  'distilbert/distilgpt2/model.safetensors': { content: bundled('gpt2/tiny/model.safetensors'), large: true },
}
for (const hook of hooks) {
  served[`${SAES}/${hook}/cfg.json`] = { content: bundled(`sae/tiny/${hook}/cfg.json`), large: false }
  served[`${SAES}/${hook}/sae_weights.safetensors`] = {
    content: bundled(`sae/tiny/${hook}/sae_weights.safetensors`),
    large: true,
  }
}

/** distilgpt2 as the table has it, and two SAEs, pinned. */
const saeFile = (path: string): HubFile => ({ repo: SAES, revision: COMMIT, path, local: `sae/${path}` })
const model: KnownModel = {
  ...knownModels.distilgpt2,
  saes: hooks.map((hook) => {
    const weights = saeFile(`${hook}/sae_weights.safetensors`)
    const { content } = served[`${SAES}/${weights.path}`]
    return {
      hook,
      config: saeFile(`${hook}/cfg.json`),
      weights: { ...weights, size: content.length, sha256: sha256(content) },
    }
  }),
}

let hub: HubServer
let folder: string
const before = { ...process.env }

const models = suite('known models')
models.before.each(async () => {
  hub = await startHub(served, COMMIT)
  folder = fs.mkdtempSync(join(tmpdir(), 'clearbox-models-'))
  Object.assign(process.env, {
    HF_ENDPOINT: hub.endpoint,
    HF_HUB_CACHE: folder,
    HF_TOKEN: '',
    HF_HUB_OFFLINE: '',
  })
})
models.after.each(async () => {
  await hub[Symbol.asyncDispose]()
  fs.rmSync(folder, { recursive: true })
  for (const name of ['HF_ENDPOINT', 'HF_HUB_CACHE', 'HF_TOKEN', 'HF_HUB_OFFLINE'])
    if (before[name] === undefined) delete process.env[name]
    else process.env[name] = before[name]
})

const open = (options = {}) => knownSource('distilgpt2', model, { quiet: true, ...options })
const weightRequests = () =>
  hub.requests.filter(({ host, path }) => host === 'store' && path.endsWith('sae_weights.safetensors'))

models('fetch the model and the SAEs’ settings, and the weights of an SAE only when it is used', async () => {
  const source = await open()
  assert.is(source.config.dModel, 128)
  assert.is(source.origin, `distilbert/distilgpt2 at ${COMMIT}`)
  assert.equal([...source.saes.keys()], hooks)
  const weights = await source.weights()
  assert.ok(weights.names().includes('wte.weight'))
  await weights.close()
  assert.equal(weightRequests(), [])
  const store = await source.saes.get(hooks[1])!.weights()
  assert.equal(store.get('W_enc').shape, [128, 1024])
  await store.close()
  assert.is(weightRequests().length, 1)
  await source.prepareSaes(hooks)
  assert.is(weightRequests().length, 2)
})

models('offline have the SAEs that are there', async () => {
  await open()
  fs.rmSync(fs.globSync(join(folder, `models--someone--tiny-saes/snapshots/*/${hooks[0]}/cfg.json`))[0])
  const asked = hub.requests.length
  const source = await open({ offline: true })
  assert.equal([...source.saes.keys()], [hooks[1]])
  const failure = await source.saes
    .get(hooks[1])!
    .weights()
    .catch((error: unknown) => error)
  assert.instance(failure, UserError)
  assert.match(
    (failure as UserError).message,
    /^distilgpt2: offline, and not in .*npm run download -- distilgpt2 --layers 1$/,
  )
  const both = await source.prepareSaes(hooks).catch((error: unknown) => error)
  assert.match((both as UserError).message, /npm run download -- distilgpt2 --layers 1$/, 'of those it knows')
  assert.is(hub.requests.length, asked)
})

models('refuse an SAE of another hook than its folder says', async () => {
  const swapped: KnownModel = {
    ...model,
    saes: [{ ...model.saes[0], hook: hooks[1] }],
  }
  const failure = await knownSource('distilgpt2', swapped, { quiet: true }).catch((error: unknown) => error)
  assert.match(
    (failure as UserError).message,
    'cfg.json: expected the SAE of blocks.1.hook_resid_pre, found that of blocks.0.hook_resid_pre',
  )
})

async function run(script: string, ...args: string[]) {
  const child = spawn(process.execPath, [join(ROOT, 'experiments', script), ...args], { env: process.env })
  const text = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (text.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (text.stderr += chunk.toString()))
  const [code] = (await once(child, 'close')) as [number]
  return { code, ...text }
}

models('run from the command line: fetched, recorded, then offline', async () => {
  const generate = (...more: string[]) =>
    run(
      'tools/generate/main.ts',
      '--model',
      'distilgpt2',
      '--prompt',
      'The dog',
      '--tokens',
      '3',
      '--temperature',
      '0',
      ...more,
    )
  const first = await generate()
  assert.is(first.code, 0, first.stderr)
  assert.match(
    first.stderr,
    `distilgpt2: no revision is pinned; this is distilbert/distilgpt2 at ${COMMIT}, the first that was fetched here`,
  )
  const asked = hub.requests.length
  const second = await generate('--offline')
  assert.is(second.stdout, first.stdout)
  assert.is(hub.requests.length, asked)
})

models('download into a folder, which --dir then reads', async () => {
  const to = join(folder, 'plain')
  const fetched = await run('tools/download/main.ts', 'distilgpt2', '--dir', to)
  assert.is(fetched.code, 0, fetched.stderr)
  assert.match(fetched.stdout, /model\.safetensors │ \d+ │ [0-9a-f]{16} +│ not pinned/)
  assert.equal(fs.readdirSync(to).sort(), ['config.json', 'model.safetensors'])
  const asked = hub.requests.length
  const used = await run(
    'tools/generate/main.ts',
    '--model',
    'distilgpt2',
    '--dir',
    to,
    '--prompt',
    'x',
    '--tokens',
    '1',
  )
  assert.is(used.code, 0, used.stderr)
  assert.is(hub.requests.length, asked)
})

models('download --offline hashes what is there, and finds a changed byte that no size tells', async () => {
  const first = await run('tools/download/main.ts', 'distilgpt2')
  assert.is(first.code, 0, first.stderr)
  for (const file of ['config.json', 'model.safetensors'])
    assert.match(first.stdout, new RegExp(`${file} +│ +\\d+ │ [0-9a-f]{16} +│ as announced`))
  const asked = hub.requests.length
  for (const [file, kind] of [
    ['config.json', 'git hash [0-9a-f]{40}'],
    ['model.safetensors', 'SHA-256 [0-9a-f]{64}'],
  ]) {
    const [path] = fs.globSync(join(folder, `models--distilbert--distilgpt2/snapshots/*/${file}`))
    const content = fs.readFileSync(path)
    const changed = Buffer.from(content)
    changed[changed.length - 1] ^= 1
    fs.writeFileSync(path, changed)
    const again = await run('tools/download/main.ts', 'distilgpt2', '--offline')
    assert.is(again.code, 1)
    assert.match(again.stdout, 'WRONG')
    assert.match(
      again.stderr,
      new RegExp(`^error: ${path}: expected ${kind}, found [0-9a-f]+: delete it and run this again\\n$`),
    )
    fs.writeFileSync(path, content)
  }
  assert.is(hub.requests.length, asked)
})

models('name the final stream layer 12', () => {
  assert.is(knownModels.gpt2.saes.length, 13)
  assert.equal(
    knownModels.gpt2.saes.map(({ hook }) => layerOf(hook!)),
    Array.from({ length: 13 }, (_, layer) => layer),
  )
})

models.run()
