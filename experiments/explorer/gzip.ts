// Bytes and JSON, compressed: the files that the build makes for the page.

export async function zip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return through(new CompressionStream('gzip'), bytes)
}

/** @throws if the bytes are no gzip */
export async function unzip(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  return through(new DecompressionStream('gzip'), bytes)
}

export async function zipJson(value: unknown): Promise<Uint8Array<ArrayBuffer>> {
  return zip(new TextEncoder().encode(JSON.stringify(value)))
}

/** @throws if the bytes are no gzip of JSON */
export async function unzipJson<T>(bytes: Uint8Array<ArrayBuffer>): Promise<T> {
  return JSON.parse(new TextDecoder().decode(await unzip(bytes))) as T
}

async function through(
  stream: CompressionStream | DecompressionStream,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array<ArrayBuffer>> {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(stream)).arrayBuffer())
}
