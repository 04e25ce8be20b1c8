/** Bytes that can be read at any position: of a file, or of memory. */
export interface ByteSource {
  /** What error messages call it: a path, a URL. */
  readonly label: string
  /** In bytes. */
  readonly size: number
  /** Fills `into`, which may be shared memory, with the bytes from position `at` on. */
  read(into: Uint8Array, at: number): Promise<void>
  /** Closes the file; nothing can be read any more. */
  close(): Promise<void>
}

/** Bytes that are in memory already. `label` is what errors call them. */
export function memorySource(label: string, bytes: Uint8Array): ByteSource {
  const source: ByteSource = {
    label,
    size: bytes.length,
    async read(into, at) {
      checkRange(source, into.length, at)
      into.set(bytes.subarray(at, at + into.length))
    },
    close: async () => {},
  }
  return source
}

/** @throws if the source does not have `length` bytes at position `at` */
export function checkRange(source: ByteSource, length: number, at: number): void {
  if (!Number.isSafeInteger(at) || at < 0 || at + length > source.size)
    throw new Error(`${source.label}: cannot read ${length} bytes at ${at}: it has ${source.size}`)
}
