import { mkdtemp, open, readFile, rm, truncate, writeFile, type FileHandle } from 'node:fs/promises'
import { createServer, type ServerResponse } from 'node:http'
import { type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { memorySource } from '../../engine/weights/bytes.ts'
import { rangeSource } from '../../engine/weights/bytes-range.ts'
import { openFile } from '../../engine/weights/files-node.ts'
import { openSafetensors } from '../../engine/weights/safetensors.ts'
import { FIXTURE, errorOf, sameNumbers } from '../fixtures/safetensors.ts'

const BYTES = Uint8Array.from({ length: 1000 }, (_, i) => i % 251)

const sources = suite<{ folder: string }>('byte sources')

sources.before(async (context) => {
  context.folder = await mkdtemp(join(tmpdir(), 'safetensors-'))
})
sources.after(async ({ folder }) => rm(folder, { recursive: true }))

sources('memory gives its bytes, and no others', async () => {
  const source = memorySource('memory', BYTES.subarray(10))
  const into = new Uint8Array(5)
  await source.read(into, 985)
  assert.equal(into, BYTES.slice(995))
  const error = await errorOf(() => source.read(into, 986))
  assert.is(error.message, 'memory: cannot read 5 bytes at 986: it has 990')
  await errorOf(() => source.read(into, -1))
})

sources('a file may give a read in small parts', async ({ folder }) => {
  const path = join(folder, 'parts')
  await writeFile(path, BYTES)
  const handle = await open(path)
  type Read = (this: FileHandle, into: Uint8Array, offset: number, length: number, at: number) => unknown
  const prototype = Object.getPrototypeOf(handle) as { read: Read }
  await handle.close()
  const { read } = prototype
  prototype.read = function (into, offset, length, at) {
    return read.call(this, into, offset, Math.min(length, 7), at)
  }
  try {
    const source = await openFile(path)
    const into = new Uint8Array(500)
    await source.read(into, 300)
    assert.equal(into, BYTES.slice(300, 800))
    await source.close()
  } finally {
    prototype.read = read
  }
})

sources('a file cut while it is open, a read beyond it, and a folder are errors', async ({ folder }) => {
  const path = join(folder, 'cut')
  await writeFile(path, BYTES.subarray(0, 100))
  const source = await openFile(path)
  assert.match(
    (await errorOf(() => source.read(new Uint8Array(2), 99))).message,
    /cannot read 2 bytes at 99: it has 100/,
  )
  await truncate(path, 30)
  const early = await errorOf(() => source.read(new Uint8Array(50), 10))
  assert.is(
    early.message,
    `${path}: expected 50 bytes at 10, found 20: the file was 100 bytes when opened and ends early now`,
  )
  await source.close()
  assert.match((await errorOf(() => openFile(folder))).message, /expected a file, found a folder/)
})

/** Serves the fixture; `answer` says how. */
async function served(
  answer: (response: ServerResponse, file: Uint8Array, from: number, to: number) => void,
  use: (url: string) => Promise<void>,
): Promise<void> {
  const file = new Uint8Array(await readFile(FIXTURE))
  const server = createServer((request, response) => {
    const [, from, last] = /^bytes=(\d+)-(\d+)$/.exec(request.headers.range ?? '') ?? []
    answer(response, file, Number(from), Number(last) + 1)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}/model`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

const contentRange = (from: number, to: number, size: number): Record<string, string> => ({
  'Content-Range': `bytes ${from}-${to - 1}/${size}`,
})

sources('HTTP ranges read what the file reads, and only that', async () => {
  let sent = 0
  let requests = 0
  await served(
    (response, file, from, to) => {
      sent += to - from
      requests++
      response.writeHead(206, contentRange(from, to, file.length)).end(file.subarray(from, to))
    },
    async (url) => {
      const store = await openSafetensors(await rangeSource(url))
      const shared = new Float32Array(new SharedArrayBuffer(12))
      await store.get('f32').read(shared, 0)
      await store.get('empty').read(new Float32Array(0), 0)
      sameNumbers(shared, Float32Array.of(1.5, -2, 3))
      assert.is(store.label, url)
      const header = store.entry('i64').begin
      assert.is(sent, 1 + header + 12, 'a probe, the header and three numbers')
      assert.is(
        requests,
        4,
        'a probe, the length of the header, the header, the numbers; none for no numbers',
      )
      await store.close()
    },
  )
})

sources('HTTP: each way a server can fail has its error', async () => {
  const whole = (response: ServerResponse, file: Uint8Array): unknown => response.end(file)
  await served(whole, async (url) =>
    assert.match(
      (await errorOf(() => rangeSource(url))).message,
      /bytes=0-0, expected status 206, got 200: this server ignores Range/,
    ),
  )
  const missing = (response: ServerResponse): unknown => response.writeHead(404).end()
  await served(missing, async (url) =>
    assert.match((await errorOf(() => rangeSource(url))).message, /expected status 206, got 404 Not Found/),
  )
  const silent = (response: ServerResponse): unknown => response.writeHead(206).end('a')
  await served(silent, async (url) =>
    assert.match(
      (await errorOf(() => rangeSource(url))).message,
      /expected Content-Range "bytes 0-0\/SIZE", got none/,
    ),
  )
})

for (const [what, change, message] of [
  ['fewer bytes than asked for', -1, /bytes 0\.\.8: expected 8 bytes, got 7/],
  ['more bytes than asked for', 1, /bytes 0\.\.8: expected 8 bytes, got more/],
] as const)
  sources(`HTTP: ${what} is an error`, () =>
    served(
      (response, file, from, to) => {
        const length = to === 8 ? to + change : to
        response.writeHead(206, contentRange(from, to, file.length)).end(file.subarray(from, length))
      },
      async (url) => {
        const source = await rangeSource(url)
        assert.match((await errorOf(() => source.read(new Uint8Array(8), 0))).message, message)
      },
    ),
  )

sources('HTTP: another range than the one asked for is an error', () =>
  served(
    (response, file, from, to) =>
      response.writeHead(206, contentRange(0, to, file.length)).end(file.subarray(from, to)),
    async (url) => {
      const source = await rangeSource(url)
      const error = await errorOf(() => source.read(new Uint8Array(8), 4))
      assert.match(error.message, /expected Content-Range "bytes 4-11\/SIZE", got bytes 0-11\/\d+$/)
    },
  ),
)

sources('HTTP: a connection that fails is an error that names the file', async () => {
  let dead = ''
  await served(
    (response, file, from, to) => {
      response.writeHead(206, contentRange(from, to, file.length)).write(file.subarray(from, from + 1))
      if (to - from > 1) setTimeout(() => response.destroy(), 20)
      else response.end()
    },
    async (url) => {
      dead = url
      const source = await rangeSource(url)
      const error = await errorOf(() => source.read(new Uint8Array(8), 0))
      assert.ok(error.message.startsWith(`${url}: bytes 0..8: the connection failed: `), error.message)
    },
  )
  const error = await errorOf(() => rangeSource(dead))
  assert.ok(error.message.startsWith(`${dead}: asked for bytes=0-0: the connection failed: `), error.message)
})

sources('HTTP: a file that changes its size is an error', async () => {
  let size = 100
  await served(
    (response, file, from, to) =>
      response.writeHead(206, contentRange(from, to, size++)).end(file.subarray(from, to)),
    async (url) => {
      const source = await rangeSource(url)
      const error = await errorOf(() => source.read(new Uint8Array(8), 0))
      assert.match(error.message, /had 100 bytes and now has 101: it changed while it was read/)
    },
  )
})

sources.run()
