// Safetensors files: reading and writing.
import type { ByteSource } from './bytes.ts'
import { bytesOf, floatSource, requireLittleEndian } from './float-source.ts'
import { showShape, sizeOf, type Shape, type Tensor } from '../tensor.ts'
import { cut, show } from './json.ts'
import { parseHeader, type SafetensorsEntry } from './safetensors-header.ts'
import { WeightsFileError, type WeightSource, type WeightStore } from './weights.ts'

export type { SafetensorsEntry } from './safetensors-header.ts'

/** In bytes; the format's own limit. */
const LARGEST_HEADER = 100_000_000

/** A safetensors file: its tensors by name, in the order of the data; none is read until it is asked for. */
export interface SafetensorsStore extends WeightStore {
  readonly metadata: ReadonlyMap<string, string>
  /** @throws WeightsFileError if there is no tensor of this name */
  entry(name: string): SafetensorsEntry
  /** @throws WeightsFileError if there is no such tensor, or it is not F64, F32, F16 or BF16 */
  get(name: string): WeightSource
  /** A whole I32 or I64 tensor, row-major. @throws WeightsFileError for another dtype, or beyond 2^53 */
  readIntegers(name: string): Promise<number[]>
}

/**
 * Reads the header of a safetensors file; the tensors stay where they are until they are read,
 * each then straight into its final buffer. Closing the store closes `source`.
 * @throws WeightsFileError naming file, tensor, what was expected and what was found
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
      throw new WeightsFileError(
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
    throw new WeightsFileError(`${label}: expected at least 8 bytes, found ${size}: not a safetensors file`)
  const start = new Uint8Array(8)
  await source.read(start, 0)
  if (new TextDecoder().decode(start) === 'version ')
    throw new WeightsFileError(
      `${label}: expected weights, found a Git LFS pointer to them: run "git lfs pull"`,
    )
  const length = new DataView(start.buffer).getBigUint64(0, true)
  if (length > LARGEST_HEADER)
    throw new WeightsFileError(
      `${label}: its first 8 bytes say a header of ${length} bytes, at most ${LARGEST_HEADER} are expected: not a safetensors file?`,
    )
  if (Number(length) > size - 8)
    throw new WeightsFileError(
      `${label}: its first 8 bytes say a header of ${length} bytes, but ${size - 8} follow: was the download cut off?`,
    )
  const header = new Uint8Array(Number(length))
  await source.read(header, 8)
  return parseHeader(label, header, 8 + header.length, size)
}

async function readIntegers(source: ByteSource, name: string, entry: SafetensorsEntry): Promise<number[]> {
  const { dtype, shape, begin, end } = entry
  const label = `${source.label}: tensor ${show(name)} ${dtype} ${cut(showShape(shape))}`
  if (dtype !== 'I32' && dtype !== 'I64')
    throw new WeightsFileError(`${label}: only I32 and I64 can be read as integers`)
  const bytes = new Uint8Array(end - begin)
  await source.read(bytes, begin)
  if (dtype === 'I32') return Array.from(new Int32Array(bytes.buffer))
  return Array.from(new BigInt64Array(bytes.buffer), (integer) => {
    if (Number.isSafeInteger(Number(integer))) return Number(integer)
    throw new WeightsFileError(`${label}: ${integer} is beyond 2^53: a number cannot hold it exactly`)
  })
}

/**
 * A safetensors file of float32 tensors, to be written as it is.
 * @throws WeightsFileError for a name that stands twice, is reserved, or is not well-formed Unicode
 */
export function encodeSafetensors(
  tensors: Iterable<readonly [name: string, tensor: Tensor]>,
  metadata?: ReadonlyMap<string, string>,
): Uint8Array<ArrayBuffer> {
  const list = [...tensors]
  const header = safetensorsHeader(
    list.map(([name, { shape }]) => [name, shape] as const),
    metadata,
  )
  const length = list.reduce((sum, [, { data }]) => sum + data.byteLength, 0)
  const file = new Uint8Array(header.length + length)
  file.set(header)
  let at = header.length
  for (const [, { data }] of list) {
    file.set(bytesOf(data), at)
    at += data.byteLength
  }
  return file
}

/**
 * What a safetensors file begins with: behind it stand the float32 numbers of its tensors, in this order.
 * @throws as `encodeSafetensors` does
 */
export function safetensorsHeader(
  tensors: readonly (readonly [name: string, shape: Shape])[],
  metadata?: ReadonlyMap<string, string>,
): Uint8Array<ArrayBuffer> {
  requireLittleEndian()
  const names = new Set(['__metadata__', '__proto__'])
  const fields: string[] = []
  if (metadata) fields.push(`"__metadata__":{${[...metadata].map(([k, v]) => field(k, v)).join(',')}}`)
  let length = 0
  for (const [name, shape] of tensors) {
    if (names.has(name))
      throw new WeightsFileError(`encode: tensor name ${show(name)} is reserved or stands twice`)
    names.add(name)
    const end = length + 4 * sizeOf(shape)
    fields.push(field(name, { dtype: 'F32', shape, data_offsets: [length, end] }))
    length = end
  }
  const json = new TextEncoder().encode(`{${fields.join(',')}}`)
  const dataBegin = 8 + Math.ceil(json.length / 8) * 8 // so that the numbers are aligned in a mapped file
  const header = new Uint8Array(dataBegin).fill(0x20)
  new DataView(header.buffer).setBigUint64(0, BigInt(dataBegin - 8), true)
  header.set(json, 8)
  return header
}

/** One `"key":value` of a JSON object; joined by hand because an object would reorder names such as "10". */
function field(key: string, value: unknown): string {
  const json = `${JSON.stringify(key)}:${JSON.stringify(value)}`
  if (!key.isWellFormed() || (typeof value === 'string' && !value.isWellFormed()))
    throw new WeightsFileError(`encode: ${json} holds half of a surrogate pair: other readers refuse it`)
  return json
}
