import { mkdtemp, open, rm, truncate, writeFile, type FileHandle } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { memorySource } from '../../engine/weights/bytes.ts'
import { openFile } from '../../engine/weights/files-node.ts'
import { errorOf } from '../fixtures/safetensors.ts'

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

sources.run()
