// The download client against a hub on this machine that serves the public formats and misbehaves on demand.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { encodeSafetensors } from '../../engine/weights/safetensors.ts'
import { Tensor } from '../../engine/tensor.ts'
import { retryAfter } from '../../experiments/lab/models/hub/errors.ts'
import { fetchFiles } from '../../experiments/lab/models/hub/hub.ts'
import { nextAddress } from '../../experiments/lab/models/hub/request.ts'
import { hubSettings, type HubSettings } from '../../experiments/lab/models/hub/settings.ts'
import { cacheStore, checkPath, folderStore, type HubFile } from '../../experiments/lab/models/hub/store.ts'
import { explain } from '../../experiments/lab/cli/write-node.ts'
import * as hub from '../helpers/hub-server.ts'
import { refusal } from '../helpers/refusal.ts'

const REPO = 'openai-community/gpt2'
const COMMIT = '607a30d783dfa663caf39e06633721c8d4cfcd7e'
const WEIGHTS = `${REPO}/model.safetensors`
const SIZE = 3_000_000

const numbers = Tensor.of(
  [750_000],
  Float32Array.from({ length: 750_000 }, (_, i) => Math.sin(i)),
)
const weights = encodeSafetensors([['wte.weight', numbers]])
const config = new TextEncoder().encode('{"model_type": "gpt2"}\n')

const configFile: HubFile = { repo: REPO, revision: COMMIT, path: 'config.json', local: 'config.json' }
const weightsFile: HubFile = { ...configFile, path: 'model.safetensors', local: 'model.safetensors' }
const pinned: HubFile = { ...weightsFile, size: weights.length, sha256: hub.sha256(weights) }

/** A server and a cache folder, both gone after the test. */
async function world(files: Record<string, hub.Served> = {}) {
  const server = await hub.startHub(
    {
      [WEIGHTS]: { content: weights, large: true },
      [`${REPO}/config.json`]: { content: config, large: false },
      ...files,
    },
    COMMIT,
  )
  const folder = fs.mkdtempSync(join(tmpdir(), 'clearbox-hub-'))
  const settings: HubSettings = {
    endpoint: server.endpoint,
    rawEndpoint: server.endpoint,
    cacheFolder: folder,
    ownCacheFolder: folder,
    offline: false,
    patience: { silenceMs: 300, tries: 3, backoffMs: 5, longestPauseMs: 2000 },
  }
  const fetch = (files: readonly HubFile[], changed: Partial<HubSettings> = {}) =>
    fetchFiles({ ...settings, ...changed }, cacheStore(folder), files, {
      what: 'gpt2',
      command: 'npm run download -- gpt2',
      quiet: true,
    })
  const cached = join(folder, 'models--openai-community--gpt2')
  return {
    server,
    folder,
    settings,
    fetch,
    blob: join(cached, 'blobs', hub.sha256(weights)),
    snapshot: join(cached, 'snapshots', COMMIT),
    /** The bytes of the partial files that are left. */
    leftovers: () =>
      fs.globSync('**/*.partial', { cwd: folder }).map((name) => fs.statSync(join(folder, name)).size),
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]()
      fs.rmSync(folder, { recursive: true })
    },
  }
}

/** Waits for what another process does, however long that takes. */
async function until(happened: () => boolean): Promise<void> {
  while (!happened()) await pause(10)
}

const cache = suite('cache')

cache('holds what was fetched where huggingface_hub looks for it', async () => {
  await using w = await world()
  const [json, tensors] = await w.fetch([configFile, pinned])
  assert.is(json, join(w.snapshot, 'config.json'))
  assert.is(tensors, join(w.snapshot, 'model.safetensors'))
  assert.is(fs.readlinkSync(tensors), `../../blobs/${hub.sha256(weights)}`)
  assert.is(fs.readlinkSync(json), `../../blobs/${hub.gitHash(config)}`)
  assert.equal(new Uint8Array(fs.readFileSync(tensors)), weights)
  assert.equal(w.leftovers(), [])
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
  assert.equal(w.leftovers(), [])
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
  w.server.failHub(`${REPO}/config.json`, hub.status(200, { ETag: '"../../../x"', 'Content-Length': '3' }))
  assert.match(
    await refusal(w.fetch([configFile])),
    `${REPO}: config.json: expected a SHA-1 or SHA-256 as ETag, got '../../../x': is HF_ENDPOINT a model hub?`,
  )
  w.server.failHub(
    `${REPO}/config.json`,
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
  const options = { what: 'gpt2', command: '', quiet: true }
  const paths = await fetchFiles(w.settings, folderStore(folder), [file], options)
  assert.equal(paths, [join(folder, 'sub/weights.safetensors')])
  assert.equal(fs.readdirSync(join(folder, 'sub')), ['weights.safetensors'])
  await fetchFiles({ ...w.settings, offline: true }, folderStore(folder), [file], options)
})

cache.run()

const resume = suite('resume')

resume('goes on after a cut within the same run, and sends no byte twice', async () => {
  await using w = await world()
  w.server.failNext(WEIGHTS, hub.cutAfter(1_200_000), hub.cutAfter(1_100_000))
  await w.fetch([pinned])
  assert.equal(
    w.server.requests.filter(({ host }) => host === 'store').map(({ range }) => range),
    [undefined, 'bytes=1200000-', 'bytes=2300000-'],
  )
  assert.is(w.server.sent(), weights.length)
  assert.equal(new Uint8Array(fs.readFileSync(w.blob)), weights)
})

resume('goes on where a killed process stopped', async () => {
  await using w = await world()
  w.server.failNext(WEIGHTS, hub.stallAfter(1_000_000))
  const child = fetchInProcess(w)
  await until(() => w.leftovers()[0] === 1_000_000)
  child.process.kill('SIGKILL')
  await child.ended
  await w.fetch([pinned])
  assert.is(w.server.requests.at(-1)?.range, 'bytes=1000000-')
  assert.is(w.server.sent(), weights.length)
  assert.equal(w.leftovers(), [])
})

resume('keeps what it has when it gives up', async () => {
  await using w = await world()
  w.server.failNext(WEIGHTS, hub.cutAfter(500_000), hub.cutAfter(10), hub.cutAfter(10))
  const message = await refusal(w.fetch([pinned]))
  assert.match(
    message,
    /^openai-community\/gpt2: model\.safetensors: the connection to 127\.0\.0\.1:\d+ broke: /,
  )
  assert.match(message, '(tried 3 times; run the command again to go on)')
  assert.equal(w.leftovers(), [500_020])
  await w.fetch([pinned])
  assert.is(w.server.sent(), weights.length)
})

resume('begins again where the server ignores ranges', async () => {
  await using w = await world()
  w.server.failNext(WEIGHTS, hub.cutAfter(500_000), hub.instead(weights))
  await w.fetch([pinned])
  assert.is(w.server.sent(), weights.length + 500_000)
})

resume('begins again when what was there is not of this file', async () => {
  await using w = await world()
  fs.mkdirSync(join(w.blob, '..'), { recursive: true })
  fs.writeFileSync(`${w.blob}.0123abcd.partial`, new Uint8Array(weights.length + 5))
  await w.fetch([pinned])
  fs.rmSync(w.blob)
  fs.writeFileSync(`${w.blob}.0123abcd.partial`, new Uint8Array(SIZE / 2))
  await w.fetch([pinned])
  assert.equal(new Uint8Array(fs.readFileSync(w.blob)), weights)
  assert.equal(w.leftovers(), [])
})

resume.run()

function fetchInProcess({ server, folder }: { server: hub.HubServer; folder: string }, ulimit?: string) {
  const script = join(import.meta.dirname, '../fixtures/hub/fetch.ts')
  const args = [process.execPath, script, server.endpoint, folder, REPO, COMMIT, 'model.safetensors']
  const limit = ulimit ? `ulimit ${ulimit}; ` : ''
  const child = spawn('bash', ['-c', `${limit}exec "$@"`, 'bash', ...args], {
    env: { ...process.env, CLEARBOX_DEBUG: '' },
  })
  const text = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (text.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (text.stderr += chunk.toString()))
  const ended = once(child, 'close').then(([code]) => ({ code: code as number | null, ...text }))
  return { process: child, ended }
}

const together = suite('two processes')

together('fetch the same file at once and both have it', async () => {
  await using w = await world()
  const both = await Promise.all([fetchInProcess(w).ended, fetchInProcess(w).ended])
  for (const { code, stdout, stderr } of both) {
    assert.is(code, 0, stderr)
    assert.is(stdout, join(w.snapshot, 'model.safetensors') + '\n')
  }
  assert.equal(new Uint8Array(fs.readFileSync(w.blob)), weights)
  assert.equal(w.leftovers(), [])
})

together('never write to one file: the second begins with a copy of what the first has', async () => {
  await using w = await world()
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  w.server.failNext(WEIGHTS, hub.holdAfter(1_000_000, released))
  const first = fetchInProcess(w)
  await until(() => w.leftovers()[0] === 1_000_000)
  const second = await fetchInProcess(w).ended
  assert.is(second.code, 0, second.stderr)
  assert.is(w.server.requests.at(-1)?.range, 'bytes=1000000-')
  assert.equal(w.leftovers(), [], 'what the first has is of no more use')
  release()
  const { code, stdout, stderr } = await first.ended
  assert.is(code, 0, stderr)
  assert.is(stdout, second.stdout)
  assert.equal(new Uint8Array(fs.readFileSync(w.blob)), weights)
  assert.equal(w.leftovers(), [])
})

together.run()

const faults = suite('faults')

type Case = [name: string, faults: hub.Fault[], message: RegExp | undefined]
const server = '127\\.0\\.0\\.1:\\d+'
const file = 'openai-community/gpt2: model\\.safetensors: '
const text = (words: string) => new TextEncoder().encode(words)
const pointer = text(
  `version https://git-lfs.github.com/spec/v1\noid sha256:${hub.sha256(weights)}\nsize ${SIZE}\n`,
)
const changed = Uint8Array.from(weights).fill(0, 1000, 1001)

/** What the place of large files does; undefined where the file is fetched all the same. */
const storeCases: Case[] = [
  ['a server fault, then none', [hub.status(500), hub.status(503, { 'Retry-After': '0' })], undefined],
  [
    'a server fault that stays',
    [hub.status(502), hub.status(502), hub.status(502)],
    RegExp(
      `^${file}expected the file, got status 502 from ${server}: the server has a fault of its own \\(tried 3 times; run`,
    ),
  ],
  ['too many requests, then none', [hub.status(429, { 'Retry-After': '1' })], undefined],
  [
    'too many requests for longer than one waits',
    [hub.status(429, { 'Retry-After': '3600' })],
    RegExp(
      `^${file}expected the file, got status 429 from ${server}: too many requests: it asks to wait 3600 s; run the command again then$`,
    ),
  ],
  [
    'an unknown status',
    [hub.status(418)],
    RegExp(
      `^${file}expected the file, got status 418 from ${server}: does HF_ENDPOINT name the right server\\?$`,
    ),
  ],
  ['silence, then an answer', [hub.silence], undefined],
  [
    'silence',
    [hub.silence, hub.silence, hub.silence],
    RegExp(`^${file}no answer from ${server} within 0\\.3 s \\(tried 3 times`),
  ],
  ['a stall, then the rest', [hub.stallAfter(1000)], undefined],
  [
    'a stall that stays',
    [hub.stallAfter(1000), hub.stallAfter(1000), hub.stallAfter(1000)],
    RegExp(`^${file}no bytes from ${server} within 0\\.3 s`),
  ],
  ['a body that ends early, then the rest', [hub.endAfter(1000)], undefined],
  [
    'bodies that end early',
    [hub.endAfter(1000), hub.endAfter(1000), hub.endAfter(1000)],
    RegExp(`^${file}expected 3000\\d+ bytes, ${server} ended after 1000 \\(tried 3 times`),
  ],
  [
    'a body announced too long',
    [hub.instead(new Uint8Array(weights.length + 1))],
    RegExp(
      `^${file}expected ${weights.length} bytes, ${server} has ${weights.length + 1}: it serves another file`,
    ),
  ],
  [
    'a body announced too short',
    [hub.instead(new Uint8Array(17))],
    RegExp(`^${file}expected ${weights.length} bytes, ${server} has 17: it serves another file`),
  ],
  [
    'a body that turns out too long',
    [(response) => void response.writeHead(200).end(Buffer.alloc(weights.length + 1))],
    RegExp(
      `^${file}expected ${weights.length} bytes, ${server} has (more than )?\\d+: it serves another file`,
    ),
  ],
  [
    'a Git LFS pointer',
    [hub.instead(pointer)],
    RegExp(
      `^${file}expected 3\\.0 MB, got a Git LFS pointer: ${server} has the repository without its large files; try another HF_ENDPOINT$`,
    ),
  ],
  [
    'an HTML page, announced',
    [hub.instead(text('Sign in'), { 'Content-Type': 'text/html; charset=utf-8' })],
    RegExp(
      `^${file}expected 3\\.0 MB, got an HTML page from ${server}: the login or error page of a proxy\\? Open http`,
    ),
  ],
  [
    'an HTML page, not announced',
    [hub.instead(text('\n<!DOCTYPE html><title>Sign in</title>'))],
    RegExp(`^${file}expected 3\\.0 MB, got an HTML page`),
  ],
  ['a wrong hash, then the right one', [hub.instead(changed)], undefined],
  [
    'a wrong hash twice',
    [hub.instead(changed), hub.instead(changed)],
    RegExp(
      `^${file}expected SHA-256 ${hub.sha256(weights)}, got ${hub.sha256(changed)}, twice: the server has another file`,
    ),
  ],
  [
    'a redirect without end',
    Array.from({ length: 12 }, () => hub.status(302, { Location: `/${WEIGHTS}` })),
    RegExp(`^${file}more than 10 redirects, the last to ${server}$`),
  ],
  [
    'a redirect to plain http elsewhere',
    [hub.status(302, { Location: 'http://192.0.2.1/x' })],
    RegExp(`^${file}${server} redirects to http://192\\.0\\.2\\.1: only https is followed$`),
  ],
  [
    'a redirect to nowhere',
    [hub.status(302)],
    RegExp(`^${file}${server} redirects to no address: got Location ''$`),
  ],
]

for (const [name, wrong, message] of storeCases)
  faults(`${message ? 'refuse' : 'outlast'} ${name}`, async () => {
    await using w = await world()
    w.server.failNext(WEIGHTS, ...wrong)
    if (message) {
      assert.match(await refusal(w.fetch([pinned])), message)
      assert.not(fs.existsSync(w.blob), 'nothing wrong gets its name')
    } else {
      await w.fetch([pinned])
      assert.equal(new Uint8Array(fs.readFileSync(w.blob)), weights)
      assert.equal(w.leftovers(), [])
    }
  })

/** What the hub itself does, to a client without a token and to one with. */
const hubCases: [name: string, fault: hub.Fault, token: string | undefined, message: string][] = [
  ['401', hub.status(401), undefined, 'it wants a token: set HF_TOKEN to one of your account'],
  [
    '401 to a token',
    hub.status(401),
    'hf_x',
    'it does not accept the token in HF_TOKEN: make a new one, or unset it',
  ],
  ['403', hub.status(403), 'hf_x', 'access denied: ask for access on the repository'],
  [
    '404',
    hub.status(404, { 'X-Error-Code': 'EntryNotFound' }),
    undefined,
    'there is no such file, at this revision',
  ],
  [
    '404, repository',
    hub.status(404, { 'X-Error-Code': 'RepoNotFound' }),
    undefined,
    'there is no such repository',
  ],
  [
    '404, revision',
    hub.status(404, { 'X-Error-Code': 'RevisionNotFound' }),
    undefined,
    'there is no such revision',
  ],
  [
    'a page',
    hub.instead(text('<html>'), { 'Content-Type': 'text/html' }),
    undefined,
    'got an HTML page from',
  ],
  [
    'another commit than the pinned one',
    hub.status(302, {
      'X-Linked-ETag': hub.sha256(weights),
      'X-Linked-Size': '5',
      'X-Repo-Commit': 'f'.repeat(40),
      Location: '/',
    }),
    undefined,
    `expected revision ${COMMIT}, got '${'f'.repeat(40)}' from 127.0.0.1`,
  ],
  [
    'a file of another hash',
    hub.status(302, { 'X-Linked-ETag': hub.sha256(config), 'X-Linked-Size': '5', Location: '/' }),
    undefined,
    `expected SHA-256 ${hub.sha256(weights)}, 127.0.0.1`,
  ],
  [
    'no size',
    hub.status(200, { ETag: hub.gitHash(config), 'Transfer-Encoding': 'chunked' }),
    undefined,
    'does not say how large it is',
  ],
]

for (const [name, fault, token, message] of hubCases)
  faults(`refuse ${name} from the hub`, async () => {
    await using w = await world()
    w.server.failHub(WEIGHTS, fault)
    const found = await refusal(w.fetch([pinned], { token }))
    assert.match(found, 'openai-community/gpt2: model.safetensors: ')
    assert.match(found, message)
    assert.is(w.server.sent(), 0)
  })

faults('outlast a hub that is busy', async () => {
  await using w = await world()
  w.server.failHub(WEIGHTS, hub.status(429, { 'Retry-After': '0' }), hub.status(503))
  await w.fetch([pinned])
})

faults('say that nobody answers', async () => {
  await using w = await world()
  await w.server[Symbol.asyncDispose]()
  assert.match(
    await refusal(w.fetch([pinned])),
    /^openai-community\/gpt2: model\.safetensors: the connection to 127\.0\.0\.1:\d+ broke: .*ECONNREFUSED.*: is this machine online\? \(tried 3 times/,
  )
})

faults('say that the disk is full, and keep what was there', async () => {
  await using w = await world()
  // No test can fill a disk; a limit on the size of files stops the same write, with another code. In KiB, or 512 bytes.
  const { code, stderr } = await fetchInProcess(w, '-f 1000').ended
  assert.is(code, 1)
  assert.match(
    stderr,
    /^error: cannot write .*[0-9a-f]{64}: the file would be larger than the system allows \(EFBIG\)\n$/,
  )
  await w.fetch([pinned])
  assert.ok(w.server.requests.at(-1)?.range?.startsWith('bytes='), 'it goes on from what fitted')
})

faults('have words for a disk without space', async () => {
  const device = '/dev/full' // Linux's disk that is always full
  if (!fs.existsSync(device)) return
  assert.is(
    await refusal(explain('model.safetensors', () => fs.promises.writeFile(device, 'x'))),
    'cannot write model.safetensors: no space left on the disk (ENOSPC)',
  )
})

faults('refuse at once what the disk has no room for', async () => {
  const huge = 10 ** 18
  await using w = await world()
  assert.match(
    await refusal(w.fetch([{ ...weightsFile, size: huge }])),
    /^gpt2: expected room for 1000000000000\.0 MB in .*, found [\d.]+ MB: free some, or set HF_HOME to a folder on another disk$/,
  )
  assert.is(w.server.sent(), 0)
})

faults.run()

const privacy = suite('tokens and settings')

privacy('send the token to the hub and to no other host', async () => {
  await using w = await world()
  await w.fetch([configFile, pinned], { token: 'hf_secret' })
  assert.ok(w.server.requests.length >= 6)
  for (const { host, authorization } of w.server.requests)
    assert.is(authorization, host === 'hub' ? 'Bearer hf_secret' : undefined)
})

privacy('follow no redirect from the network to this machine, or away from https', () => {
  const [hub, loopback] = [new URL('https://huggingface.co/a'), new URL('http://127.0.0.1:8080/a')]
  const from = (first: URL, location: string) => nextAddress(first, location, first, 'gpt2').href
  for (const here of [
    'http://127.0.0.1:1/x',
    'https://localhost/x',
    'http://[::1]/x',
    'http://192.0.2.1/x',
    'file:///x',
  ])
    assert.throws(
      () => from(hub, here),
      (error: Error) => /^gpt2: huggingface\.co redirects to .*: only https is followed$/.test(error.message),
      here,
    )
  assert.is(from(hub, 'https://cdn.example/x'), 'https://cdn.example/x')
  assert.is(from(hub, '/b'), 'https://huggingface.co/b')
  assert.is(from(loopback, 'http://127.0.0.1:1/x'), 'http://127.0.0.1:1/x')
})

privacy('keep signed addresses out of messages', async () => {
  await using w = await world()
  w.server.failNext(WEIGHTS, hub.status(404))
  assert.not.match(await refusal(w.fetch([pinned], { token: 'hf_secret' })), /secret/)
})

privacy('read what huggingface_hub reads', async () => {
  const home = fs.mkdtempSync(join(tmpdir(), 'clearbox-home-'))
  fs.writeFileSync(join(home, 'token'), 'hf_file\n')
  const fromHome = await hubSettings({ HF_HOME: home, HF_HUB_OFFLINE: 'yes' })
  assert.is(fromHome.cacheFolder, join(home, 'hub'))
  assert.is(fromHome.endpoint, 'https://huggingface.co')
  assert.is(fromHome.token, 'hf_file')
  assert.is(fromHome.offline, true)
  const explicit = await hubSettings({
    HF_HOME: home,
    HF_HUB_CACHE: '/elsewhere',
    HF_TOKEN: 'hf_env',
    HF_ENDPOINT: 'https://mirror.example/hf/',
    HF_HUB_OFFLINE: '0',
  })
  assert.is(explicit.cacheFolder, '/elsewhere')
  assert.is(explicit.endpoint, 'https://mirror.example/hf')
  assert.is(explicit.token, 'hf_env')
  assert.is(explicit.offline, false)
  assert.is((await hubSettings({ XDG_CACHE_HOME: '/c' })).cacheFolder, '/c/huggingface/hub')
  assert.is((await hubSettings({ HF_HOME: home }, { offline: true })).offline, true)
  fs.rmSync(home, { recursive: true })
})

privacy('refuse an endpoint without encryption', async () => {
  assert.is(
    await refusal(hubSettings({ HF_ENDPOINT: 'http://mirror.example' })),
    "HF_ENDPOINT: expected an https address, got 'http://mirror.example': only this machine may be asked without",
  )
  assert.match(
    await refusal(hubSettings({ HF_ENDPOINT: 'mirror' })),
    "expected a URL such as https://huggingface.co, got 'mirror'",
  )
  for (const endpoint of ['http://localhost:1', 'http://127.0.0.1:1', 'http://[::1]:1'])
    assert.is((await hubSettings({ HF_ENDPOINT: endpoint })).endpoint, endpoint)
  assert.match(
    await refusal(hubSettings({ HF_ENDPOINT: 'http://127.0.0.1.example' })),
    'expected an https address',
  )
})

privacy('read Retry-After as seconds or a date', () => {
  assert.is(retryAfter('7'), 7000)
  assert.is(retryAfter('Wed, 21 Oct 2026 07:28:30 GMT', Date.UTC(2026, 9, 21, 7, 28, 0)), 30_000)
  assert.is(retryAfter('soon'), undefined)
  assert.is(retryAfter(null), undefined)
})

privacy.run()
