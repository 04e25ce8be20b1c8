// Bytes of a file on a web server.
import { checkRange, type ByteSource } from './bytes.ts'

/**
 * A file on a web server, read piece by piece with HTTP range requests (RFC 9110, section 14).
 * @throws if the server cannot give ranges, or (in a browser) does not let the page see Content-Range
 */
export async function rangeSource(url: string): Promise<ByteSource> {
  const first = await requestRange(url, 0, 1)
  await first.body.cancel()
  const source: ByteSource = {
    label: url,
    size: first.size,
    async read(into, at) {
      checkRange(source, into.length, at)
      if (into.length === 0) return
      const { body, size } = await requestRange(url, at, at + into.length)
      if (size !== source.size) {
        await body.cancel()
        throw new Error(`${url}: had ${source.size} bytes and now has ${size}: it changed while it was read`)
      }
      await fill(into, body, `${url}: bytes ${at}..${at + into.length}`)
    },
    close: async () => {},
  }
  return source
}

/** Asks for bytes `from` to `to` (left out); gives them as a stream, and the size of the whole file. */
async function requestRange(
  url: string,
  from: number,
  to: number,
): Promise<{ body: ReadableStream<Uint8Array>; size: number }> {
  const range = `bytes=${from}-${to - 1}`
  const response = await fetch(url, { headers: { Range: range } }).catch((error: unknown) =>
    broken(`${url}: asked for ${range}`, error),
  )
  const contentRange = response.headers.get('Content-Range')
  const match = /^bytes (\d+)-(\d+)\/(\d+)$/.exec(contentRange ?? '')
  const fits = match !== null && Number(match[1]) === from && Number(match[2]) === to - 1
  if (response.status === 206 && fits && response.body !== null)
    return { body: response.body, size: Number(match[3]) }
  await response.body?.cancel()
  if (response.status === 200)
    throw new Error(
      `${url}: asked for ${range}, expected status 206, got 200: this server ignores Range; download the file and open it locally`,
    )
  if (response.status === 206)
    throw new Error(
      `${url}: asked for ${range}, expected Content-Range "bytes ${from}-${to - 1}/SIZE", got ${contentRange ?? 'none'}`,
    )
  throw new Error(
    `${url}: asked for ${range}, expected status 206, got ${response.status} ${response.statusText}`,
  )
}

/** Streams `body` into `into`; it must fill it exactly. */
async function fill(into: Uint8Array, body: ReadableStream<Uint8Array>, label: string): Promise<void> {
  const reader = body.getReader()
  let filled = 0
  for (;;) {
    const { done, value } = await reader.read().catch((error: unknown) => broken(label, error))
    if (done) break
    if (filled + value.length > into.length) {
      await reader.cancel()
      throw new Error(`${label}: expected ${into.length} bytes, got more`)
    }
    into.set(value, filled)
    filled += value.length
  }
  if (filled !== into.length) throw new Error(`${label}: expected ${into.length} bytes, got ${filled}`)
}

/** Throws what the network says, with the file that was being read. */
function broken(label: string, error: unknown): never {
  const { message, cause } = error as Error
  const reason = cause instanceof Error ? `${message}: ${cause.message}` : message
  throw new Error(`${label}: the connection failed: ${reason}`, { cause: error })
}
