// The one memory of the wasm backend, and its allocator.

/** Every block starts at a multiple of a cache line. */
const ALIGNMENT = 64
const PAGE_BYTES = 65536
/** The first bytes are never handed out: address 0 can mean "none", and the modules' constants lie behind (constants.ts). */
export const CONSTANTS_AT = ALIGNMENT
const FIRST_BYTE = 2 * ALIGNMENT

/** 4 GiB in pages of 64 KiB, all that a 32-bit address reaches; the last page stays unused, so that no end address is 2^32. */
export const MAX_PAGES = 65536

interface Range {
  start: number
  bytes: number
}

/**
 * The one memory of the WebAssembly backend, and its allocator: first fit over a list of free ranges kept in order of
 * address, neighbours joined when freed. It grows on demand and, as WebAssembly's memories do, never shrinks.
 */
export class Arena {
  readonly memory: WebAssembly.Memory
  readonly limitBytes: number
  private readonly free: Range[]
  private readonly taken = new Map<number, number>()

  /** `shared` needs SharedArrayBuffer; `maximumBytes` (at most 4 GiB) is a limit, not a reservation of memory. */
  constructor(options: { shared: boolean; maximumBytes?: number }) {
    const pages = Math.min(
      MAX_PAGES,
      Math.ceil((options.maximumBytes ?? MAX_PAGES * PAGE_BYTES) / PAGE_BYTES),
    )
    this.memory = new WebAssembly.Memory({ initial: 1, maximum: pages, shared: options.shared })
    this.limitBytes = Math.min(pages, MAX_PAGES - 1) * PAGE_BYTES
    this.free = [{ start: FIRST_BYTE, bytes: PAGE_BYTES - FIRST_BYTE }]
  }

  /** Whether other threads see it. If they do, views stay valid when it grows. */
  get isShared(): boolean {
    return !(this.memory.buffer instanceof ArrayBuffer)
  }

  /** Bytes handed out and not yet freed. */
  get usedBytes(): number {
    let sum = 0
    for (const bytes of this.taken.values()) sum += bytes
    return sum
  }

  /**
   * The address of `bytes` new bytes, not zeroed, at a multiple of 64.
   * @throws with the sizes if they do not fit, `what` says for what they were
   */
  allocate(bytes: number, what: string): number {
    const rounded = Math.max(ALIGNMENT, Math.ceil(bytes / ALIGNMENT) * ALIGNMENT)
    const index = this.free.findIndex((range) => range.bytes >= rounded)
    const range = index >= 0 ? this.free[index] : this.grow(rounded, what)
    const start = range.start
    range.start += rounded
    range.bytes -= rounded
    if (range.bytes === 0) this.free.splice(this.free.indexOf(range), 1)
    this.taken.set(start, rounded)
    return start
  }

  /** Gives a block back. @throws if `start` is not the address of one */
  release(start: number): void {
    const bytes = this.taken.get(start)
    if (bytes === undefined)
      throw new Error(`wasm memory: there is no block at ${start} to free (freed twice?)`)
    this.taken.delete(start)
    this.addFree({ start, bytes })
  }

  /** `length` float32 numbers at an address: a view, valid until the memory grows (always, if it is shared). */
  floats(start: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, start, length)
  }

  /** `length` float64 numbers at an address: a view likewise. */
  doubles(start: number, length: number): Float64Array {
    return new Float64Array(this.memory.buffer, start, length)
  }

  /** `length` whole numbers of 32 bits at an address: a view likewise. */
  words(start: number, length: number): Uint32Array {
    return new Uint32Array(this.memory.buffer, start, length)
  }

  /** `length` bytes at an address: a view likewise. */
  bytes(start: number, length: number): Uint8Array {
    return new Uint8Array(this.memory.buffer, start, length)
  }

  /** Grows until the memory ends in a free range of at least `bytes`, by no less than a sixteenth of its size. */
  private grow(bytes: number, what: string): Range {
    const size = this.memory.buffer.byteLength
    const last = this.free.at(-1)
    const atEnd = last !== undefined && last.start + last.bytes === size ? last.bytes : 0
    const needed = Math.ceil((bytes - atEnd) / PAGE_BYTES)
    const pages = Math.min(Math.max(needed, Math.ceil(size / 16 / PAGE_BYTES)), this.pagesLeft(size))
    if (pages < needed || !this.tryGrow(pages)) throw this.outOfMemory(bytes, what)
    this.addFree({ start: size, bytes: pages * PAGE_BYTES })
    return this.free[this.free.length - 1]
  }

  private pagesLeft(size: number): number {
    return (this.limitBytes - size) / PAGE_BYTES
  }

  private tryGrow(pages: number): boolean {
    try {
      this.memory.grow(pages)
      return true
    } catch (error) {
      if (error instanceof RangeError) return false
      throw error
    }
  }

  private outOfMemory(bytes: number, what: string): Error {
    const mebibytes = (count: number) => `${(count / 2 ** 20).toFixed(1)} MiB`
    const largest = this.free.reduce((most, range) => Math.max(most, range.bytes), 0)
    return new Error(
      `wasm memory: ${what} needs ${mebibytes(bytes)}; ${mebibytes(this.usedBytes)} of at most ` +
        `${mebibytes(this.limitBytes)} are in use, and the largest free block is ${mebibytes(largest)}. ` +
        `Release models that are no longer needed, or send fewer texts at once`,
    )
  }

  private addFree(range: Range): void {
    let index = this.free.findIndex((other) => other.start > range.start)
    if (index < 0) index = this.free.length
    this.free.splice(index, 0, range)
    this.joinWithNext(index)
    if (index > 0) this.joinWithNext(index - 1)
  }

  private joinWithNext(index: number): void {
    const [range, next] = [this.free[index], this.free[index + 1]]
    if (next === undefined || range.start + range.bytes !== next.start) return
    range.bytes += next.bytes
    this.free.splice(index + 1, 1)
  }
}
