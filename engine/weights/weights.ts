// Where weights come from: tensors that are read piece by piece.
import type { Shape } from '../tensor.ts'
import { Tensor, sizeOf, showShape } from '../tensor.ts'

/** A file of weights that is malformed, or a request that its tensors cannot meet. */
export class WeightsFileError extends Error {
  override readonly name = 'WeightsFileError'
}

/**
 * One tensor that can be read piece by piece: from a file, from memory, or from a formula.
 * A backend reads it straight into the memory it computes from, so weights exist once.
 */
export interface WeightSource {
  readonly name: string
  readonly shape: Shape
  /** How the file holds its numbers, e.g. `F16`; undefined where there is no file. */
  readonly storedAs?: string
  /** Fills `into` with the elements from index `start` on, in row-major order. */
  read(into: Float32Array, start: number): Promise<void>
}

/** A named collection of tensors: a safetensors file, a formula, or both behind a name table. */
export interface WeightStore {
  /** What error messages call the collection: a path or a model's name. */
  readonly label: string
  /** Every tensor's name. */
  names(): readonly string[]
  /** @throws if there is no tensor of this name */
  get(name: string): WeightSource
  /** Closes the file; no tensor can be read any more. */
  close(): Promise<void>
}

/** Reads a whole tensor into host memory, as float32. @throws WeightsFileError if the file cannot give it */
export async function readTensor(source: WeightSource): Promise<Tensor> {
  const tensor = Tensor.zeros(source.shape)
  await source.read(tensor.data, 0)
  return tensor
}

/** A tensor that is in memory already, as a source. */
export function sourceOf(name: string, tensor: Tensor): WeightSource {
  return {
    name,
    shape: tensor.shape,
    read: async (into, start) => into.set(tensor.data.subarray(start, start + into.length)),
  }
}

/** Tensors that are in memory already, as a store. */
export function memoryStore(label: string, tensors: ReadonlyMap<string, Tensor>): WeightStore {
  return {
    label,
    names: () => [...tensors.keys()],
    get(name) {
      const tensor = tensors.get(name)
      if (tensor) return sourceOf(name, tensor)
      throw new Error(`${label}: there is no tensor "${name}"`)
    },
    close: async () => {},
  }
}

/** Columns `from` to `to` (exclusive) of a tensor [rows, width] or [width] that is in memory, as a source of their own. */
export function columnsOf(name: string, { shape, data }: Tensor, from: number, to: number): WeightSource {
  const width = shape[shape.length - 1]
  if (from < 0 || to < from || to > width)
    throw new Error(`${name}: columns ${from}..${to} are not within ${showShape(shape)}`)
  const part = to - from
  return {
    name: `${name}[${from}:${to}]`,
    shape: [...shape.slice(0, -1), part],
    async read(into, start) {
      for (let done = 0; done < into.length;) {
        const column = (start + done) % part
        const at = ((start + done - column) / part) * width + from + column
        const numbers = data.subarray(at, at + Math.min(part - column, into.length - done))
        into.set(numbers, done)
        done += numbers.length
      }
    },
  }
}

/** Blocks of forEachRowBlock that are in memory at once: one is visited, others are on their way. */
export const BUFFERS = 3

/**
 * Reads a source in blocks of whole rows of at most `limit` numbers: the loop of every packing loader. While one block
 * is visited, the next two are read. `memoryFor` says where a block of so many numbers goes; if left out, into BUFFERS
 * buffers in turn. When this ends, however it ends, no read is under way.
 */
export async function forEachRowBlock(
  source: WeightSource,
  limit: number,
  visit: (rows: Float32Array, firstRow: number, rowCount: number) => void | Promise<void>,
  memoryFor?: (block: number, firstRow: number, length: number) => Float32Array,
): Promise<void> {
  const width = source.shape[source.shape.length - 1] ?? 1
  const total = width === 0 ? 0 : sizeOf(source.shape) / width
  const atOnce = Math.max(1, Math.floor(limit / Math.max(1, width)))
  const buffers: Float32Array[] = []
  const read = async (row: number) => {
    const [block, length] = [row / atOnce, Math.min(atOnce, total - row) * width]
    const own = () => (buffers[block % BUFFERS] ??= new Float32Array(length)).subarray(0, length)
    const part = memoryFor?.(block, row, length) ?? own()
    await source.read(part, row * width)
    return part
  }
  const onTheirWay: Promise<Float32Array>[] = []
  let asked = 0
  const ask = () => {
    if (asked >= total) return
    const part = read(asked)
    part.catch(() => {}) // it is awaited below, unless something fails before
    onTheirWay.push(part)
    asked += atOnce
  }
  try {
    for (let block = 1; block < BUFFERS; block++) ask()
    for (let row = 0; onTheirWay.length > 0; row += atOnce) {
      const part = await onTheirWay.shift()!
      ask()
      await visit(part, row, part.length / width)
    }
  } finally {
    await Promise.allSettled(onTheirWay)
  }
}
