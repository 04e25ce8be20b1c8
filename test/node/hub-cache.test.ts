// Where files from the hub lie: Hugging Face's cache, shared with Python's tools, or a folder.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import { cacheStore, checkPath, folderStore, type HubFile } from '../../experiments/lab/models/hub/store.ts'
import {
  COMMIT,
  CONFIG,
  config,
  configFile,
  pinned,
  REPO,
  weights,
  weightsFile,
  world,
} from '../helpers/hub.ts'
import * as hub from '../helpers/hub-server.ts'
import { refusesReadOnly } from '../helpers/read-only.ts'
import { refusal } from '../helpers/refusal.ts'

const cache = suite('cache')

cache('holds what was fetched where huggingface_hub looks for it', async () => {
  await using w = await world()
  const [json, tensors] = await w.fetch([configFile, pinned])
  assert.is(json, join(w.snapshot, 'config.json'))
  assert.is(tensors, join(w.snapshot, 'model.safetensors'))
  assert.is(fs.readlinkSync(tensors), `../../blobs/${hub.sha256(weights)}`)
  assert.is(fs.readlinkSync(json), `../../blobs/${hub.gitHash(config)}`)
  assert.equal(new Uint8Array(fs.readFileSync(tensors)), weights)
  assert.equal(w.partials(), [])
})

cache('is used without a request, as is one that Python filled', async () => {
  await using w = await world()
  fs.mkdirSync(join(w.snapshot, '../../blobs'), { recursive: true })
  fs.mkdirSync(w.snapshot, { recursive: true })
  fs.writeFileSync(w.blob, weights)
  fs.symlinkSync(`../../blobs/${hub.sha256(weights)}`, join(w.snapshot, 'model.safetensors'))
  assert.equal(await w.fetch([pinned]), [join(w.snapshot, 'model.safetensors')])
  assert.equal(await w.fetch([pinned], { offline: true }), [join(w.snapshot, 'model.safetensors')])
  assert.equal(w.server.requests, [])
})

cache('takes up a blob that is there without its link', async () => {
  await using w = await world()
  await w.fetch([pinned])
  fs.rmSync(join(w.snapshot, 'model.safetensors'))
  const sent = w.server.sent()
  await w.fetch([pinned])
  assert.is(w.server.sent(), sent)
})

for (const [what, content, wrong] of [
  ['of another size', new Uint8Array(1000), `expected ${weights.length} bytes, found 1000`],
  [
    'of another content',
    Uint8Array.from(weights).fill(0, 1000, 1001),
    `expected SHA-256 ${hub.sha256(weights)}, found [0-9a-f]{64}`,
  ],
] as const)
  for (const file of [pinned, weightsFile])
    cache(`refuses a blob ${what}, ${file.sha256 ? 'pinned' : 'announced'}`, async () => {
      await using w = await world()
      fs.mkdirSync(dirname(w.blob), { recursive: true })
      fs.writeFileSync(w.blob, content)
      assert.match(
        await refusal(w.fetch([file])),
        RegExp(`^${w.blob}: ${wrong}: delete it and run this again$`),
      )
      assert.equal(new Uint8Array(fs.readFileSync(w.blob)), content, 'it is the user’s to delete')
      assert.not(fs.existsSync(join(w.snapshot, 'model.safetensors')))
    })

cache('refuses a small blob whose git hash is wrong', async () => {
  await using w = await world()
  const blob = join(dirname(w.blob), hub.gitHash(config))
  fs.mkdirSync(dirname(blob), { recursive: true })
  fs.writeFileSync(blob, Uint8Array.from(config).fill(32, 0, 1))
  assert.match(
    await refusal(w.fetch([configFile])),
    RegExp(`^${blob}: expected git hash ${hub.gitHash(config)}, found [0-9a-f]{40}: delete it`),
  )
})

cache('refuses a folder where a file should be', async () => {
  await using w = await world()
  fs.mkdirSync(w.blob, { recursive: true })
  assert.is(
    await refusal(w.fetch([pinned])),
    `${w.blob}: expected a file, found a folder: delete it and run this again`,
  )
  const plain = folderStore(join(w.folder, 'plain'))
  const path = join(w.folder, 'plain/model.safetensors')
  fs.mkdirSync(path, { recursive: true })
  assert.is(
    await refusal(w.fetch([pinned], {}, plain)),
    `${path}: expected a file, found a folder: delete it and run this again`,
  )
})

cache('names a read-only file system, wherever in the cache it begins', async () => {
  await using w = await world()
  const folder = join(w.folder, 'new/deep')
  await refusesReadOnly(join(w.folder, 'new'), folder, () => w.fetch([pinned], {}, cacheStore(folder)))
  await refusesReadOnly(join(w.folder, 'models--'), w.blob, () => w.fetch([pinned]))
  await refusesReadOnly(dirname(w.snapshot), join(w.snapshot, 'model.safetensors'), () => w.fetch([pinned]))
})

cache('names a file that is in the way of a folder', async () => {
  await using w = await world()
  const file = join(w.folder, 'file')
  fs.writeFileSync(file, '')
  const inTheWay = (path: string) =>
    `cannot write ${path}: a part of the path is a file, not a folder \\((ENOTDIR|EEXIST)\\)`
  for (const folder of [file, join(file, 'deep')])
    assert.match(await refusal(w.fetch([pinned], {}, cacheStore(folder))), RegExp(`^${inTheWay(folder)}$`))
  for (const [name, path] of [
    ['blobs', w.blob],
    ['snapshots', join(w.snapshot, 'model.safetensors')],
  ]) {
    const taken = join(w.snapshot, '../..', name)
    fs.rmSync(taken, { recursive: true, force: true })
    fs.mkdirSync(dirname(taken), { recursive: true })
    fs.writeFileSync(taken, '')
    assert.match(await refusal(w.fetch([pinned])), RegExp(`^${inTheWay(path)}$`))
    fs.rmSync(taken)
  }
})

cache('refuses a cached file of another size by name', async () => {
  await using w = await world()
  await w.fetch([pinned])
  fs.truncateSync(w.blob, 1000)
  assert.match(
    await refusal(w.fetch([pinned])),
    `model.safetensors: expected the ${weights.length} bytes of ${REPO}, revision ${COMMIT}, found 1000: delete it, and it is fetched again`,
  )
})

cache('keeps copies where links cannot be made', async () => {
  await using w = await world()
  await w.fetch([pinned])
  const forbidden = () => Promise.reject(Object.assign(new Error('no right'), { code: 'EPERM' }))
  const store = cacheStore(w.folder, forbidden)
  const copied = { ...pinned, path: 'copied/model.safetensors' }
  await store.settle(copied, hub.sha256(weights), COMMIT)
  const path = (await store.find(copied))!
  assert.not(fs.lstatSync(path).isSymbolicLink())
  assert.is(fs.statSync(path).size, weights.length)
  assert.equal(w.partials(), [])
})

cache('records where a branch was, and keeps to it', async () => {
  await using w = await world()
  const main = (file: HubFile): HubFile => ({ ...file, revision: 'main' })
  const [json] = await w.fetch([main(configFile)])
  assert.is(json, join(w.snapshot, 'config.json'))
  assert.is(fs.readFileSync(join(w.snapshot, '../../refs/main'), 'utf8'), COMMIT)
  const asked = w.server.requests.length
  await w.fetch([main(configFile)])
  await w.fetch([main(configFile)], { offline: true })
  assert.is(w.server.requests.length, asked)
  // Another file of the branch is taken from the recorded commit, wherever the branch is now.
  const old = 'f'.repeat(40)
  fs.writeFileSync(join(w.snapshot, '../../refs/main'), old)
  assert.match(await refusal(w.fetch([main(weightsFile)])), 'there is no such revision')
})

cache('refuses names that lead out of it', async () => {
  await using w = await world()
  for (const path of ['../x', '/etc/passwd', 'a/../../x', 'a//b', '..', 'c:\\x', 'a\\..\\b', ''])
    assert.throws(() => checkPath(path), /is not a file's path in a repository/, path)
  assert.match(await refusal(w.fetch([{ ...configFile, path: '../../x' }])), "'../../x' is not a file's path")
  assert.match(await refusal(w.fetch([{ ...configFile, repo: '../..' }])), "'../..' is not a repository")
  assert.match(
    await refusal(w.fetch([{ ...configFile, revision: '../../x' }])),
    "'../../x' is not a file's path",
  )
  w.server.failHub(CONFIG, hub.status(200, { ETag: '"../../../x"', 'Content-Length': '3' }))
  assert.match(
    await refusal(w.fetch([configFile])),
    `${REPO}: config.json: expected a SHA-1 or SHA-256 as ETag, got '../../../x': is HF_ENDPOINT a model hub?`,
  )
  w.server.failHub(
    CONFIG,
    hub.status(200, { ETag: hub.gitHash(config), 'Content-Length': '3', 'X-Repo-Commit': '../..' }),
  )
  assert.match(
    await refusal(w.fetch([configFile])),
    `expected revision ${COMMIT}, got '../..' from 127.0.0.1`,
  )
})

cache('offline asks nobody and says what is missing', async () => {
  await using w = await world()
  assert.is(
    await refusal(w.fetch([configFile, pinned], { offline: true })),
    `gpt2: offline, and not in ${w.folder}: ${REPO}: config.json, ${REPO}: model.safetensors; ` +
      'with a network, fetch ahead: npm run download -- gpt2',
  )
  assert.equal(w.server.requests, [])
})

cache('can be a folder of plain files', async () => {
  await using w = await world()
  const folder = join(w.folder, 'plain')
  const file = { ...pinned, local: 'sub/weights.safetensors' }
  const paths = await w.fetch([file], {}, folderStore(folder))
  assert.equal(paths, [join(folder, 'sub/weights.safetensors')])
  assert.equal(fs.readdirSync(join(folder, 'sub')), ['weights.safetensors'])
  await w.fetch([file], { offline: true }, folderStore(folder))
})

cache.run()
