// The header of a safetensors file.
import { showShape, type Shape } from '../tensor.ts'
import { checkKeys, cut, show } from './json.ts'
import { WeightsFileError } from './weights.ts'

/** Every number type a file may hold, and its bytes. Those of FLOATS can be read as float32. */
export const BYTES = {
  F64: 8,
  F32: 4,
  F16: 2,
  BF16: 2,
  I64: 8,
  I32: 4,
  I16: 2,
  I8: 1,
  U8: 1,
  U16: 2,
  U32: 4,
  U64: 8,
  BOOL: 1,
  F8_E4M3: 1,
  F8_E5M2: 1,
} as const

export type Dtype = keyof typeof BYTES

/** Where a tensor lies: bytes `begin` to `end` (exclusive), counted from the start of the file. */
export interface SafetensorsEntry {
  readonly dtype: Dtype
  readonly shape: Shape
  readonly begin: number
  readonly end: number
}

export interface SafetensorsHeader {
  readonly metadata: ReadonlyMap<string, string>
  /** In the order of the data. */
  readonly entries: ReadonlyMap<string, SafetensorsEntry>
}

/**
 * Reads the JSON header of a file whose data section is bytes `dataBegin` to `fileSize` (exclusive).
 * The format: https://github.com/huggingface/safetensors#format
 * @throws WeightsFileError unless the tensors cover the data section exactly, each as long as its shape says
 */
export function parseHeader(
  label: string,
  bytes: Uint8Array,
  dataBegin: number,
  fileSize: number,
): SafetensorsHeader {
  const metadata = new Map<string, string>()
  const entries: [string, SafetensorsEntry][] = []
  for (const [name, value] of Object.entries(parseJsonObject(label, bytes))) {
    if (name === '__metadata__') {
      for (const [key, text] of metadataOf(label, value)) metadata.set(key, text)
    } else if (name === '__proto__') {
      throw new WeightsFileError(`${label}: a tensor is named "__proto__": this name is refused`)
    } else {
      entries.push([name, parseEntry(`${label}: tensor ${show(name)}`, value, dataBegin)])
    }
  }
  entries.sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end)
  checkCoverage(label, entries, dataBegin, fileSize)
  return { metadata, entries: new Map(entries) }
}

function parseJsonObject(label: string, bytes: Uint8Array): object {
  if (bytes[0] !== 0x7b)
    throw new WeightsFileError(`${label}: the header is not a JSON object: expected "{" as its first byte`)
  const deepest = 3 // the header { a tensor { its shape [
  try {
    const json = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    checkKeys(json, 'the header', deepest)
    return JSON.parse(json) as object
  } catch (error) {
    const isJson = !(error instanceof SyntaxError || error instanceof TypeError)
    const { message } = error as Error
    throw new WeightsFileError(`${label}: ${isJson ? '' : 'the header is not JSON in UTF-8: '}${message}`)
  }
}

function metadataOf(label: string, value: unknown): [string, string][] {
  if (!isObject(value))
    throw new WeightsFileError(`${label}: expected __metadata__ to be an object, found ${show(value)}`)
  return Object.entries(value).map(([key, text]) => {
    if (typeof text === 'string') return [key, text]
    const name = `__metadata__ ${show(key)}`
    throw new WeightsFileError(`${label}: expected ${name} to be a string, found ${show(text)}`)
  })
}

/** `label` names the file and the tensor. */
function parseEntry(label: string, value: unknown, dataBegin: number): SafetensorsEntry {
  if (!isObject(value))
    throw new WeightsFileError(`${label}: expected { dtype, shape, data_offsets }, found ${show(value)}`)
  const { dtype, shape, data_offsets: offsets } = value
  if (!isDtype(dtype))
    throw new WeightsFileError(
      `${label}: unknown dtype ${show(dtype)}, expected one of ${Object.keys(BYTES).join(' ')}`,
    )
  if (!isCounts(shape))
    throw new WeightsFileError(`${label}: expected a shape of whole numbers from 0, found ${show(shape)}`)
  if (!isCounts(offsets) || offsets.length !== 2)
    throw new WeightsFileError(`${label}: expected data_offsets [begin, end], found ${show(offsets)}`)
  const [begin, end] = offsets
  const expected = byteLength(label, dtype, shape)
  if (end - begin !== expected)
    throw new WeightsFileError(
      `${label}: ${dtype} ${cut(showShape(shape))} takes ${expected} bytes, but data_offsets [${begin}, ${end}] hold ${end - begin}`,
    )
  return { dtype, shape, begin: dataBegin + begin, end: dataBegin + end }
}

/** In bytes. A product that a float64 cannot hold exactly is refused, even if a later dimension is 0. */
function byteLength(label: string, dtype: Dtype, shape: Shape): number {
  let bytes: number = BYTES[dtype]
  for (const dimension of shape) {
    bytes *= dimension
    if (!Number.isSafeInteger(bytes))
      throw new WeightsFileError(`${label}: shape ${cut(showShape(shape))} is too large to be addressed`)
  }
  return bytes
}

/** `entries` are sorted by begin. */
function checkCoverage(
  label: string,
  entries: readonly [string, SafetensorsEntry][],
  dataBegin: number,
  fileSize: number,
): void {
  let reached = dataBegin
  let before = 'the header'
  for (const [name, { begin, end }] of entries) {
    const tensor = `tensor ${show(name)}`
    if (begin < reached)
      throw new WeightsFileError(
        `${label}: ${tensor} begins at byte ${begin} of the file, but ${before} ends at ${reached}: they overlap`,
      )
    if (begin > reached)
      throw new WeightsFileError(
        `${label}: a gap: ${before} ends at byte ${reached} of the file, the next, ${tensor}, begins at ${begin}`,
      )
    if (end > fileSize)
      throw new WeightsFileError(
        `${label}: short file: ${tensor} ends at byte ${end}, but the file has ${fileSize}: was the download cut off?`,
      )
    reached = end
    before = tensor
  }
  if (reached !== fileSize)
    throw new WeightsFileError(
      `${label}: ${before} ends at byte ${reached}, but the file has ${fileSize}: the rest belongs to no tensor`,
    )
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isDtype(value: unknown): value is Dtype {
  return typeof value === 'string' && Object.hasOwn(BYTES, value)
}

/** A list of whole numbers from 0 that float64 holds exactly. JSON's 2.0 is the whole number 2. */
function isCounts(value: unknown): value is number[] {
  return Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && (n as number) >= 0)
}
