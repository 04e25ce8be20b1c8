// Downloads that are cut or killed: they go on from there, and nothing wrong gets a name.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import * as fs from 'node:fs'
import { dirname, join } from 'node:path'
import { download } from '../../experiments/lab/models/hub/download.ts'
import { fetchInProcess, patience, pinned, WEIGHTS, weights, weightsFile, world } from '../helpers/hub.ts'
import * as hub from '../helpers/hub-server.ts'
import { refusal } from '../helpers/refusal.ts'

/** Does `work` without the rights of the superuser, who may read everything. */
async function asNobody(folder: string, work: () => Promise<unknown>): Promise<void> {
  if (process.geteuid?.() !== 0) return void (await work())
  for (const path of [folder, ...fs.globSync('**/', { cwd: folder }).map((name) => join(folder, name))])
    fs.chmodSync(path, 0o777)
  process.seteuid?.(65534)
  try {
    await work()
  } finally {
    process.seteuid?.(0)
  }
}

const resume = suite('resume')

resume('goes on after a cut within the same run, and sends no byte twice', async () => {
  await using w = await world()
  w.server.failNext(WEIGHTS, hub.cutAfter(1_200_000, w.arrived), hub.cutAfter(1_100_000, w.arrived))
  await w.fetch([pinned])
  assert.equal(w.asked(), [undefined, 'bytes=1200000-', 'bytes=2300000-'])
  assert.is(w.server.sent(), weights.length)
  assert.equal(new Uint8Array(fs.readFileSync(w.blob)), weights)
})

resume('goes on where a killed process stopped', async () => {
  await using w = await world()
  w.server.failNext(WEIGHTS, hub.stallAfter(1_000_000))
  const child = fetchInProcess(w)
  await w.arrived(1_000_000)
  child.process.kill('SIGKILL')
  await child.ended
  assert.is(w.partials().length, 1)
  await w.fetch([pinned])
  assert.equal(w.asked(), [undefined, 'bytes=1000000-'])
  assert.is(w.server.sent(), weights.length)
  assert.equal(w.partials(), [])
})

resume('goes on where Ctrl-C stopped it, and where an error did; what they leave is one file', async () => {
  await using w = await world()
  w.server.failNext(WEIGHTS, hub.stallAfter(500_000))
  const child = fetchInProcess(w)
  await w.arrived(500_000)
  child.process.kill('SIGINT')
  assert.is((await child.ended).code, 130)
  assert.equal(w.partials(), [`${w.blob}.partial`])
  w.server.failNext(WEIGHTS, ...[300_000, 10, 10].map((bytes) => hub.cutAfter(bytes, w.arrived)))
  const message = await refusal(w.fetch([pinned]))
  assert.match(
    message,
    /^openai-community\/gpt2: model\.safetensors: the connection to 127\.0\.0\.1:\d+ broke: /,
  )
  assert.match(message, '(tried 3 times; run the command again to go on)')
  assert.equal(w.partials(), [`${w.blob}.partial`])
  assert.is(fs.statSync(w.partials()[0]).size, 800_020)
  await w.fetch([pinned])
  assert.is(w.server.sent(), weights.length)
  assert.equal(w.partials(), [])
})

resume('leaves nothing of a download that got nothing, and the one byte of one that got that', async () => {
  await using w = await world()
  w.server.failNext(WEIGHTS, hub.status(418), hub.cutAfter(1, w.arrived))
  await refusal(w.fetch([pinned]))
  assert.equal(w.partials(), [])
  await refusal(w.fetch([pinned], { patience: { tries: 1 } }))
  assert.equal(w.partials(), [`${w.blob}.partial`])
  await w.fetch([pinned])
  assert.is(w.asked().at(-1), 'bytes=1-')
})

resume('takes the longest of what is there, and no clock into account', async () => {
  await using w = await world()
  fs.mkdirSync(join(w.blob, '..'), { recursive: true })
  for (const [name, bytes] of [
    ['a', 1000],
    ['b', 2_000_000],
    ['c', 3000],
  ] as const)
    fs.writeFileSync(`${w.blob}.${name}.partial`, weights.subarray(0, bytes))
  fs.utimesSync(`${w.blob}.b.partial`, new Date('2199-01-01'), new Date('2199-01-01'))
  fs.mkdirSync(`${w.blob}.folder.partial`)
  fs.writeFileSync(`${w.blob}x.partial`, 'of another file')
  await w.fetch([pinned])
  assert.equal(w.asked(), ['bytes=2000000-'])
  assert.equal(w.partials().sort(), [`${w.blob}.folder.partial`, `${w.blob}x.partial`])
})

resume('asks for nothing where all of it is there', async () => {
  await using w = await world()
  fs.mkdirSync(dirname(w.blob), { recursive: true })
  fs.writeFileSync(`${w.blob}.partial`, weights)
  await w.fetch([pinned])
  assert.equal(w.asked(), [])
  assert.equal(w.partials(), [])
})

resume('tells of the bytes: those there were first, all of them last', async () => {
  await using w = await world()
  const file = { url: `${w.server.store}/${WEIGHTS}`, label: 'weights', setting: 'HF_ENDPOINT' }
  const identity = { size: weights.length, hash: hub.sha256(weights) }
  const told = async () => {
    const bytes: number[] = []
    await download({ ...file, ...identity }, w.blob, patience, (count) => bytes.push(count))
    return bytes
  }
  w.server.failNext(WEIGHTS, hub.cutAfter(400_000, w.arrived), hub.cutFromStart(300_000, w.arrived))
  const fresh = await told()
  assert.is(fresh[0], 0)
  assert.is(fresh.at(-1), weights.length)
  const falls = fresh.filter((bytes, i) => i > 0 && bytes < fresh[i - 1])
  assert.is(falls.length, 1, 'when it began again')
  assert.ok(fresh.includes(400_000) && fresh.includes(300_000))
  assert.equal(await told(), [weights.length])
  fs.renameSync(w.blob, `${w.blob}.partial`)
  fs.truncateSync(`${w.blob}.partial`, 2_000_000)
  assert.is((await told())[0], 2_000_000)
})

for (const [name, gave, fault] of [
  ['another range', 'bytes 5-9/10', hub.status(206, { 'Content-Range': 'bytes 5-9/10' })],
  ['a range that is not said', 'no Content-Range', hub.status(206)],
  ['no range', 'bytes \\*/10', hub.status(416, { 'Content-Range': 'bytes */10' })],
] as const)
  resume(`begins again where the server gives ${name}`, async () => {
    await using w = await world()
    const leave = () => {
      fs.mkdirSync(dirname(w.blob), { recursive: true })
      fs.writeFileSync(`${w.blob}.partial`, weights.subarray(0, 1000))
    }
    leave()
    w.server.failNext(WEIGHTS, fault)
    await w.fetch([pinned])
    assert.equal(w.asked(), ['bytes=1000-', undefined])
    assert.equal(new Uint8Array(fs.readFileSync(w.blob)), weights)
    fs.rmSync(dirname(w.blob), { recursive: true })
    leave()
    w.server.failNext(WEIGHTS, fault)
    assert.match(
      await refusal(w.fetch([pinned], { patience: { tries: 1 } })),
      RegExp(`: expected bytes from 1000 on, 127\\.0\\.0\\.1:\\d+ gave ${gave} \\(tried 1 times`),
    )
  })

/** The part of the file that was asked for, of a total that the server says. */
const ofTotal =
  (total: string): hub.Fault =>
  (response, { content }) => {
    response.writeHead(206, { 'Content-Range': `bytes 1000-${content.length - 1}/${total}` })
    response.end(content.subarray(1000))
  }

resume('refuses a part of a larger file, and takes one whose total is not known', async () => {
  await using w = await world()
  fs.mkdirSync(dirname(w.blob), { recursive: true })
  fs.writeFileSync(`${w.blob}.partial`, weights.subarray(0, 1000))
  w.server.failNext(WEIGHTS, ofTotal('4000000'), ofTotal('*'))
  assert.match(
    await refusal(w.fetch([pinned])),
    RegExp(
      `: expected ${weights.length} bytes, 127\\.0\\.0\\.1:\\d+ has 4000000: it serves a different file`,
    ),
  )
  await w.fetch([pinned])
  assert.equal(w.asked(), ['bytes=1000-', 'bytes=1000-'])
  assert.equal(new Uint8Array(fs.readFileSync(w.blob)), weights)
})

resume('takes no part of a file for a page or a pointer', async () => {
  const content = Uint8Array.from(weights)
  content.set(new TextEncoder().encode('<!doctype html>'), 1_000_000)
  await using w = await world(content)
  w.server.failNext(WEIGHTS, hub.cutAfter(1_000_000, w.arrived))
  const [path] = await w.fetch([weightsFile])
  assert.equal(new Uint8Array(fs.readFileSync(path)), content)
})

resume('fetches all of it where what is there is another user’s', async () => {
  await using w = await world()
  const blobs = dirname(w.blob)
  fs.mkdirSync(blobs, { recursive: true })
  fs.writeFileSync(`${w.blob}.partial`, weights.subarray(0, 1000), { mode: 0 })
  await asNobody(w.folder, () => w.fetch([pinned]))
  assert.equal(w.asked(), [undefined])
})

resume('keeps what is there where there is no room for a copy, and says so', async () => {
  await using w = await world()
  fs.mkdirSync(dirname(w.blob), { recursive: true })
  fs.writeFileSync(`${w.blob}.partial`, weights.subarray(0, 2_000_000))
  const { code, stderr } = await fetchInProcess(w, '-f 1000').ended
  assert.is(code, 1)
  assert.match(stderr, /the file would be larger than the system allows \(EFBIG\)\n$/)
  assert.equal(w.asked(), [])
  assert.equal(w.partials(), [`${w.blob}.partial`])
  assert.is(fs.statSync(`${w.blob}.partial`).size, 2_000_000)
})

resume('begins again where the server ignores ranges', async () => {
  await using w = await world()
  w.server.failNext(WEIGHTS, hub.cutAfter(500_000, w.arrived), hub.instead(weights))
  await w.fetch([pinned])
  assert.is(w.server.sent(), weights.length + 500_000)
  assert.equal(new Uint8Array(fs.readFileSync(w.blob)), weights)
})

resume('gives up a server that ignores ranges and gets no further than before', async () => {
  await using w = await world()
  const cuts = [1_200_000, 2_400_000, 1_300_000, 2_300_000, 2_400_000, 2_400_000]
  w.server.failNext(WEIGHTS, ...cuts.map((bytes) => hub.cutFromStart(bytes, w.arrived)))
  assert.match(await refusal(w.fetch([pinned])), 'broke: ')
  assert.is(w.asked().length, 4, 'two that got further, two that did not')
})

resume('counts failures anew after a MB more, in however many pieces', async () => {
  await using w = await world()
  const cuts = [1000, 600_000, 2 ** 20 - 601_001, 1, 1000]
  w.server.failNext(WEIGHTS, ...cuts.map((bytes) => hub.cutAfter(bytes, w.arrived)))
  await w.fetch([pinned], { patience: { tries: 4 } })
  assert.is(w.asked().length, 6)
  await using x = await world()
  x.server.failNext(WEIGHTS, ...cuts.map((bytes) => hub.cutAfter(bytes, x.arrived)))
  await refusal(x.fetch([pinned], { patience: { tries: 3 } }))
  assert.is(x.asked().length, 3)
})

resume('holds what is on the disk to the hash, not what came', async () => {
  await using w = await world()
  const { promise: released, resolve: release } = Promise.withResolvers<void>()
  w.server.failNext(WEIGHTS, hub.holdAfter(1_000_000, released))
  const fetched = w.fetch([pinned])
  await w.arrived(1_000_000)
  const file = fs.openSync(w.partials()[0], 'r+')
  fs.writeSync(file, 'x', 500_000)
  fs.closeSync(file)
  release()
  await fetched
  assert.equal(w.asked(), [undefined, undefined], 'it began again')
  assert.equal(new Uint8Array(fs.readFileSync(w.blob)), weights)
})

resume('begins again when what was there is not of this file', async () => {
  await using w = await world()
  fs.mkdirSync(join(w.blob, '..'), { recursive: true })
  fs.writeFileSync(`${w.blob}.0123abcd.partial`, new Uint8Array(weights.length + 5))
  await w.fetch([pinned])
  fs.rmSync(w.blob)
  fs.writeFileSync(`${w.blob}.0123abcd.partial`, new Uint8Array(weights.length / 2))
  await w.fetch([pinned])
  assert.equal(new Uint8Array(fs.readFileSync(w.blob)), weights)
  assert.equal(w.partials(), [])
})

resume.run()
