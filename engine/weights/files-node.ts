// Bytes of a file on disk.
import { open } from 'node:fs/promises'
import { checkRange, type ByteSource } from './bytes.ts'

/** Node takes the length of one read as a signed 32-bit number. */
const MOST_AT_ONCE = 2 ** 30

/** A file, read straight into the buffers it is given. Close it when done. */
export async function openFile(path: string): Promise<ByteSource> {
  const handle = await open(path)
  const stat = await handle.stat()
  if (!stat.isFile()) {
    await handle.close()
    throw new Error(`${path}: expected a file, found ${stat.isDirectory() ? 'a folder' : 'something else'}`)
  }
  const source: ByteSource = {
    label: path,
    size: stat.size,
    async read(into, at) {
      checkRange(source, into.length, at)
      let filled = 0
      while (filled < into.length) {
        const length = Math.min(into.length - filled, MOST_AT_ONCE)
        const { bytesRead } = await handle.read(into, filled, length, at + filled)
        if (bytesRead === 0)
          throw new Error(
            `${path}: expected ${into.length} bytes at ${at}, found ${filled}: the file was ${source.size} bytes when opened and ends early now`,
          )
        filled += bytesRead
      }
    },
    close: () => handle.close(),
  }
  return source
}
