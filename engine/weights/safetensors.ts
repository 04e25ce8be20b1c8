// Safetensors files: reading and writing.
import type { ByteSource } from './bytes.ts'
import { sizeOf, showShape, type Tensor } from '../tensor.ts'
import { cut, show } from './json.ts'
import type { WeightSource, WeightStore } from './weights.ts'
import { SafetensorsError, parseHeader, type SafetensorsEntry } from './safetensors-header.ts'

export { SafetensorsError, type SafetensorsEntry } from './safetensors-header.ts'

/** In bytes; the format's own limit. */
const LARGEST_HEADER = 100_000_000

/** A safetensors file: its tensors by name, in the order of the data; none is read until it is asked for. */
export interface SafetensorsStore extends WeightStore {
  readonly metadata: ReadonlyMap<string, string>
  /** @throws SafetensorsError if there is no tensor of this name */
  entry(name: string): SafetensorsEntry
  /** @throws SafetensorsError if there is no such tensor, or it is not F32, F16 or BF16 */
  get(name: string): WeightSource
  /** A whole I32 or I64 tensor, row-major. @throws SafetensorsError for another dtype, or beyond 2^53 */
  readIntegers(name: string): Promise<number[]>
}

/**
 * Reads the header of a safetensors file; the tensors stay where they are until they are read,
 * each then straight into its final buffer. Closing the store closes `source`.
 * @throws SafetensorsError naming file, tensor, what was expected and what was found
 */
export async function openSafetensors(source: ByteSource): Promise<SafetensorsStore> {
  requireLittleEndian()
  const { label } = source
  const { metadata, entries } = await readHeader(source)

  function entry(name: string): SafetensorsEntry {
    const found = entries.get(name)
    if (found === undefined) {
      const names = [...entries.keys()]
      const some = names.slice(0, 5).map((other) => show(other).slice(1, -1))
      if (names.length > 5) some.push('...')
      throw new SafetensorsError(
        `${label}: no tensor ${show(name)} among its ${names.length}: ${some.join(', ')}`,
      )
    }
    return found
  }

  return {
    label,
    metadata,
    names: () => [...entries.keys()],
    entry,
    get: (name) => floatSource(source, name, entry(name)),
    readIntegers: (name) => readIntegers(source, name, entry(name)),
    close: () => source.close(),
  }
}

/** The file begins with the header's length, 8 bytes, then the header. */
async function readHeader(source: ByteSource): Promise<ReturnType<typeof parseHeader>> {
  const { label, size } = source
  if (size < 8)
    throw new SafetensorsError(`${label}: expected at least 8 bytes, found ${size}: not a safetensors file`)
  const start = new Uint8Array(8)
  await source.read(start, 0)
  if (new TextDecoder().decode(start) === 'version ')
    throw new SafetensorsError(
      `${label}: expected weights, found a Git LFS pointer to them: run "git lfs pull"`,
    )
  const length = new DataView(start.buffer).getBigUint64(0, true)
  if (length > LARGEST_HEADER)
    throw new SafetensorsError(
      `${label}: its first 8 bytes say a header of ${length} bytes, at most ${LARGEST_HEADER} are expected: not a safetensors file?`,
    )
  if (Number(length) > size - 8)
    throw new SafetensorsError(
      `${label}: its first 8 bytes say a header of ${length} bytes, but ${size - 8} follow: was the download cut off?`,
    )
  const header = new Uint8Array(Number(length))
  await source.read(header, 8)
  return parseHeader(label, header, 8 + header.length, size)
}

function floatSource(source: ByteSource, name: string, entry: SafetensorsEntry): WeightSource {
  const { dtype, shape, begin } = entry
  const label = `${source.label}: tensor ${show(name)} ${dtype} ${cut(showShape(shape))}`
  if (dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16')
    throw new SafetensorsError(`${label}: only F32, F16 and BF16 can be read as float32`)
  const size = sizeOf(shape)
  return {
    name,
    shape,
    async read(into, start) {
      const inside = Number.isSafeInteger(start) && start >= 0 && start + into.length <= size
      if (!inside || (into.length === 0 && size > 0))
        throw new SafetensorsError(`${label} holds ${size} numbers, cannot read ${into.length} from ${start}`)
      if (dtype === 'F32') await source.read(bytesOf(into), begin + 4 * start)
      else await readHalves(source, dtype, into, begin + 2 * start)
    },
  }
}

/**
 * Reads 16-bit floats into the second half of their destination's own memory and widens them from the
 * front: number i is read from byte 2n + 2i and written to byte 4i, so no number is overwritten unread.
 */
async function readHalves(
  source: ByteSource,
  dtype: 'F16' | 'BF16',
  into: Float32Array,
  at: number,
): Promise<void> {
  const middle = into.byteOffset + 2 * into.length
  await source.read(new Uint8Array(into.buffer, middle, 2 * into.length), at)
  const halves = new Uint16Array(into.buffer, middle, into.length)
  const bits = new Uint32Array(into.buffer, into.byteOffset, into.length)
  for (let i = 0; i < into.length; i++) {
    const half = halves[i]
    if (dtype === 'BF16') {
      bits[i] = half << 16 // BF16 is the upper half of a float32
      continue
    }
    const magnitude = half & 0x7fff
    bits[i] = ((half & 0x8000) << 16) | (magnitude << 13)
    if (magnitude >= 0x7c00)
      bits[i] |= 0x7f800000 // infinity or NaN
    else into[i] *= 2 ** 112 // F16 counts exponents from 15, float32 from 127; exact, for the smallest numbers too
  }
}

async function readIntegers(source: ByteSource, name: string, entry: SafetensorsEntry): Promise<number[]> {
  const { dtype, shape, begin, end } = entry
  const label = `${source.label}: tensor ${show(name)} ${dtype} ${cut(showShape(shape))}`
  if (dtype !== 'I32' && dtype !== 'I64')
    throw new SafetensorsError(`${label}: only I32 and I64 can be read as integers`)
  const bytes = new Uint8Array(end - begin)
  await source.read(bytes, begin)
  if (dtype === 'I32') return Array.from(new Int32Array(bytes.buffer))
  return Array.from(new BigInt64Array(bytes.buffer), (integer) => {
    if (Number.isSafeInteger(Number(integer))) return Number(integer)
    throw new SafetensorsError(`${label}: ${integer} is beyond 2^53: a number cannot hold it exactly`)
  })
}

/**
 * A safetensors file of float32 tensors, to be written as it is.
 * @throws SafetensorsError for a name that stands twice, is reserved, or is not well-formed Unicode
 */
export function encodeSafetensors(
  tensors: Iterable<readonly [name: string, tensor: Tensor]>,
  metadata?: ReadonlyMap<string, string>,
): Uint8Array<ArrayBuffer> {
  requireLittleEndian()
  const list = [...tensors]
  const names = new Set(['__metadata__', '__proto__'])
  const fields: string[] = []
  if (metadata) fields.push(`"__metadata__":{${[...metadata].map(([k, v]) => field(k, v)).join(',')}}`)
  let length = 0
  for (const [name, tensor] of list) {
    if (names.has(name))
      throw new SafetensorsError(`encode: tensor name ${show(name)} is reserved or stands twice`)
    names.add(name)
    const end = length + tensor.data.byteLength
    fields.push(field(name, { dtype: 'F32', shape: tensor.shape, data_offsets: [length, end] }))
    length = end
  }
  const json = new TextEncoder().encode(`{${fields.join(',')}}`)
  const dataBegin = 8 + Math.ceil(json.length / 8) * 8 // so that the numbers are aligned in a mapped file
  const file = new Uint8Array(dataBegin + length)
  new DataView(file.buffer).setBigUint64(0, BigInt(dataBegin - 8), true)
  file.fill(0x20, 8, dataBegin)
  file.set(json, 8)
  let at = dataBegin
  for (const [, { data }] of list) {
    file.set(bytesOf(data), at)
    at += data.byteLength
  }
  return file
}

/** One `"key":value` of a JSON object; joined by hand because an object would reorder names such as "10". */
function field(key: string, value: unknown): string {
  const json = `${JSON.stringify(key)}:${JSON.stringify(value)}`
  if (!key.isWellFormed() || (typeof value === 'string' && !value.isWellFormed()))
    throw new SafetensorsError(`encode: ${json} holds half of a surrogate pair: other readers refuse it`)
  return json
}

/** The memory of `floats`, as bytes. */
function bytesOf(floats: Float32Array): Uint8Array {
  return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength)
}

/** The format is little-endian, and numbers are read without swapping bytes. */
function requireLittleEndian(): void {
  if (new Uint8Array(Uint16Array.of(1).buffer)[0] !== 1)
    throw new Error('safetensors: this processor is big-endian; only little-endian ones are supported')
}
