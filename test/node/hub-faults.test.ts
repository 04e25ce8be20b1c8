// The download client against a hub on this machine that misbehaves on demand.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as fs from 'node:fs'
import { gzipSync } from 'node:zlib'
import { explain } from '../../experiments/lab/cli/write-node.ts'
import type { Patience } from '../../experiments/lab/models/hub/settings.ts'
import {
  COMMIT,
  config,
  fetchInProcess,
  pinned,
  WEIGHTS,
  weights,
  weightsFile,
  world,
} from '../helpers/hub.ts'
import * as hub from '../helpers/hub-server.ts'
import { refusal } from '../helpers/refusal.ts'

const faults = suite('faults')

type Case = [name: string, faults: hub.Fault[], message: RegExp | undefined, patience?: Partial<Patience>]
const server = '127\\.0\\.0\\.1:\\d+'
const file = 'openai-community/gpt2: model\\.safetensors: '
const text = (words: string) => new TextEncoder().encode(words)
const pointer = text(
  `version https://git-lfs.github.com/spec/v1\noid sha256:${hub.sha256(weights)}\nsize ${weights.length}\n`,
)
const changed = Uint8Array.from(weights).fill(0, 1000, 1001)

/** What the place of large files does; undefined where the file is fetched all the same. */
const storeCases: Case[] = [
  ['a server fault, then none', [hub.status(500), hub.status(503, { 'Retry-After': '0' })], undefined],
  [
    'a server fault that stays',
    [hub.status(502), hub.status(502), hub.status(502)],
    RegExp(
      `^${file}expected the file, got status 502 from ${server}: an error inside the server \\(tried 3 times; run`,
    ),
  ],
  ['a request that took too long, then none', [hub.status(408)], undefined],
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
  ['silence, then an answer', [hub.silence], undefined, { silenceMs: 300, tries: 100 }],
  [
    'silence',
    [hub.silence, hub.silence, hub.silence],
    RegExp(`^${file}no answer from ${server} within 0\\.3 s \\(tried 3 times`),
    { silenceMs: 300 },
  ],
  ['a stall, then the rest', [hub.stallAfter(1000)], undefined, { silenceMs: 300, tries: 100 }],
  [
    'a stall that stays',
    [hub.stallAfter(1000)],
    RegExp(`^${file}no bytes from ${server} within 2 s \\(tried 1 times`),
    { silenceMs: 2000, tries: 1 },
  ],
  [
    'a body of one byte at a time',
    [hub.trickle, hub.trickle],
    RegExp(`^${file}\\d{1,3} bytes/s from ${server}, expected at least 1000 \\(tried 2 times`),
    { rateMs: 200, tries: 2 },
  ],
  ['a body of one byte at a time, then the rest', [hub.trickle], undefined, { rateMs: 200 }],
  ['any rate that is fast enough', [], undefined, { rateMs: 0 }],
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
      `^${file}expected ${weights.length} bytes, ${server} has ${weights.length + 1}: it serves a different file`,
    ),
  ],
  [
    'a body announced too short',
    [hub.instead(new Uint8Array(17))],
    RegExp(`^${file}expected ${weights.length} bytes, ${server} has 17: it serves a different file`),
  ],
  [
    'a body that turns out too long',
    [(response) => void response.writeHead(200).end(Buffer.alloc(weights.length + 1))],
    RegExp(
      `^${file}expected ${weights.length} bytes, ${server} has (more than )?\\d+: it serves a different file`,
    ),
  ],
  [
    'a body without end',
    [hub.endless],
    RegExp(`^${file}expected ${weights.length} bytes, ${server} has more than ${weights.length}: it`),
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
  [
    'a body that is compressed although nobody asked',
    [hub.instead(gzipSync(weights), { 'Content-Encoding': 'gzip' })],
    undefined,
  ],
  ['a wrong hash, then the right one', [hub.instead(changed)], undefined],
  [
    'a wrong hash twice',
    [hub.instead(changed), hub.instead(changed)],
    RegExp(
      `^${file}expected SHA-256 ${hub.sha256(weights)}, got ${hub.sha256(changed)}, twice: the server has a different file`,
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

for (const [name, wrong, message, patience] of storeCases)
  faults(`${message ? 'refuse' : 'outlast'} ${name}`, async () => {
    await using w = await world()
    w.server.failNext(WEIGHTS, ...wrong)
    if (message) {
      assert.match(await refusal(w.fetch([pinned], { patience })), message)
      assert.not(fs.existsSync(w.blob), 'nothing wrong gets its name')
    } else {
      await w.fetch([pinned], { patience })
      assert.equal(new Uint8Array(fs.readFileSync(w.blob)), weights)
      assert.equal(w.partials(), [])
    }
  })

/** What the hub itself does, to a client without a token and to one with. */
const hubCases: [name: string, fault: hub.Fault, token: string | undefined, message: string][] = [
  ['401', hub.status(401), undefined, 'it requires a token: set HF_TOKEN to one of your account'],
  [
    '401 to a token',
    hub.status(401),
    'hf_x',
    'it does not accept the token in HF_TOKEN: make a new one, or unset HF_TOKEN',
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
    /^openai-community\/gpt2: model\.safetensors: the connection to 127\.0\.0\.1:\d+ broke: connect ECONNREFUSED .*: is this machine online\? \(tried 3 times/,
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
