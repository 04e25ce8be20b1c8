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
  /** Gives the file back; no tensor can be read any more. */
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

/** Columns `from` to `to` (left out) of a [rows, width] source, as a source of its own. */
export function columnsOf(source: WeightSource, from: number, to: number): WeightSource {
  const width = source.shape[source.shape.length - 1]
  if (from < 0 || to < from || to > width)
    throw new Error(`${source.name}: columns ${from}..${to} are not within ${showShape(source.shape)}`)
  const part = to - from
  return {
    name: `${source.name}[${from}:${to}]`,
    shape: [...source.shape.slice(0, -1), part],
    async read(into, start) {
      if (into.length === 0) return
      const firstRow = Math.floor(start / part)
      const rowCount = Math.ceil((start + into.length) / part) - firstRow
      const rows = new Float32Array(rowCount * width)
      await source.read(rows, firstRow * width)
      for (let row = 0; row < rowCount; row++) {
        const at = (firstRow + row) * part - start // where this row's part begins in `into`
        const begin = Math.max(0, -at)
        const end = Math.min(part, into.length - at)
        into.set(rows.subarray(row * width + from + begin, row * width + from + end), at + begin)
      }
    },
  }
}

/**
 * Reads a source in blocks of whole rows of at most `limit` numbers: the loop of every packing loader. While one block
 * is visited, the next is read.
 */
export async function forEachRowBlock(
  source: WeightSource,
  limit: number,
  visit: (rows: Float32Array, firstRow: number, rowCount: number) => void,
): Promise<void> {
  const width = source.shape[source.shape.length - 1] ?? 1
  const total = width === 0 ? 0 : sizeOf(source.shape) / width
  const atOnce = Math.max(1, Math.floor(limit / Math.max(1, width)))
  const newBlock = () => new Float32Array(Math.min(atOnce, total) * width)
  const buffers = total > atOnce ? [newBlock(), newBlock()] : [newBlock()]
  const read = async (row: number, buffer: Float32Array) => {
    const part = buffer.subarray(0, Math.min(atOnce, total - row) * width)
    await source.read(part, row * width)
    return part
  }
  let next = total > 0 ? read(0, buffers[0]) : undefined
  for (let row = 0, block = 1; next; row += atOnce, block++) {
    const part = await next
    next = row + atOnce < total ? read(row + atOnce, buffers[block % 2]) : undefined
    next?.catch(() => {}) // it is awaited in the next round, unless `visit` throws
    visit(part, row, part.length / width)
  }
}
