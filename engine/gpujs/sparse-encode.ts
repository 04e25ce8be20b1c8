import { positiveEntries, stackRows, type SparseRows } from '../sparse.ts'
import type { Shape, Tensor } from '../tensor.ts'
import type { Device } from './device.ts'
import type { Matrix, Row, Thread } from './kernel.ts'
import { isGpu } from './modes.ts'
import { preActivations } from './pre-activations.ts'
import type { GpuEncoder } from './prepared.ts'
import { rowBlocks, rowsOf } from './row-blocks.ts'
import type { GpuTensor } from './tensor.ts'
import { topK } from './top-k.ts'

/*
 * x W + b has about 60 positive numbers among a row's 24,576. Naive: read all of them back. Better: find on the
 * GPU which they are, and read those back. A thread cannot append to a list, so the list is made in two steps: count,
 * then fetch.
 */

/** Columns that one thread counts. */
const CHUNK = 256

/**
 * One thread a chunk of a row: it walks 256 numbers and counts those that are positive, or NaN: all that are not at
 * most 0. (`value !== value` would say NaN more plainly, and WebGPU's compilers take it for never true.)
 */
export function activeCount(this: Thread<'width'>, dense: Matrix): number {
  const from = this.thread.x * 256
  const to = Math.min(from + 256, this.constants.width)
  let count = 0
  for (let j = from; j < to; j += 1) {
    let active = 1
    if (dense[this.thread.y][j] <= 0) active = 0
    count += active
  }
  return count
}

/** One thread an entry of the list: it walks its chunk until it has passed as many active numbers as come before. */
function activeColumn(this: Thread<'width'>, dense: Matrix, rows: Row, chunks: Row, ranks: Row): number {
  const row = rows[this.thread.x]
  const from = chunks[this.thread.x] * 256
  const to = Math.min(from + 256, this.constants.width)
  let left = ranks[this.thread.x]
  let found = -1
  for (let j = from; j < to; j += 1) {
    let active = 1
    if (dense[row][j] <= 0) active = 0
    if (active === 1 && left === 0) found = j
    left -= active
  }
  return found
}

/** One thread an entry: it reads the number itself. */
function activeValue(this: Thread, dense: Matrix, rows: Row, columns: Row): number {
  return dense[rows[this.thread.x]][columns[this.thread.x]]
}

/** One thread a number: 0 where it is not above its column's threshold. Written so that NaN goes through. */
function clipBelow(this: Thread, dense: Matrix, threshold: Row): number {
  const value = dense[this.thread.y][this.thread.x]
  if (value <= threshold[this.thread.x]) return 0
  return value
}

export async function sparseEncode(device: Device, x: GpuTensor, encoder: GpuEncoder): Promise<SparseRows> {
  const parts: SparseRows[] = []
  for (const [first, last] of rowBlocks(device, x.shape[0], Math.max(encoder.in, encoder.out))) {
    using part = await rowsOf(device, x, first, last)
    using dense = await preActivations(device, part, encoder)
    parts.push(await select(device, dense, encoder))
  }
  return stackRows(parts, encoder.out)
}

async function select(device: Device, dense: GpuTensor, { threshold, k }: GpuEncoder): Promise<SparseRows> {
  if (k !== undefined) return inOrder(await topK(device, dense, k), dense.shape)
  if (!threshold) return active(device, dense)
  using clipped = await device.run(clipBelow, { grid: dense.shape }, dense, threshold)
  return await active(device, clipped)
}

/** The positive entries. In host memory there is no way back to shorten. */
async function active(device: Device, dense: GpuTensor): Promise<SparseRows> {
  return isGpu(device.mode) ? fetchActive(device, dense) : positiveEntries(await dense.download())
}

/** Lists of a row's largest numbers as sparse rows: those at or below 0 are left out, the others stand by column. */
function inOrder(
  lists: readonly { values: Float32Array; indices: Uint32Array }[],
  [, width]: Shape,
): SparseRows {
  const rows = lists.map(({ values, indices }) => {
    const order = Array.from(indices.keys(), (rank) => rank)
      .filter((rank) => !(values[rank] <= 0))
      .sort((a, b) => indices[a] - indices[b])
    return {
      shape: [1, width],
      offsets: Uint32Array.of(0, order.length),
      indices: Uint32Array.from(order, (rank) => indices[rank]),
      values: Float32Array.from(order, (rank) => values[rank]),
    }
  })
  return stackRows(rows, width)
}

/** The positive entries of a dense matrix that lies on the device; the matrix itself stays there. */
export async function fetchActive(device: Device, dense: GpuTensor): Promise<SparseRows> {
  const [tokens, width] = dense.shape
  const constants = { width }
  const counting = { grid: [tokens, Math.ceil(width / CHUNK)], constants }
  using counted = await device.run(activeCount, counting, dense)
  const { offsets, rows, chunks, ranks } = listEntries(await counted.download())
  const grid = [rows.length]
  using columns = await device.run(activeColumn, { grid, constants }, dense, rows, chunks, ranks)
  const indices = Uint32Array.from((await columns.download()).data)
  if (rows.length === 0) return { shape: dense.shape, offsets, indices, values: new Float32Array(0) }
  using values = await device.run(activeValue, { grid }, dense, rows, columns)
  return { shape: dense.shape, offsets, indices, values: (await values.download()).data }
}

/** Where each entry of the list to be is found: its row, its chunk, and how many active numbers come before it there. */
function listEntries({ shape: [rowCount, chunkCount], data: counts }: Tensor) {
  const offsets = new Uint32Array(rowCount + 1)
  const total = counts.reduce((sum, count) => sum + count, 0)
  const [rows, chunks, ranks] = [new Float32Array(total), new Float32Array(total), new Float32Array(total)]
  let at = 0
  for (let row = 0; row < rowCount; row++) {
    for (let chunk = 0; chunk < chunkCount; chunk++)
      for (let rank = 0; rank < counts[row * chunkCount + chunk]; rank++, at++) {
        rows[at] = row
        chunks[at] = chunk
        ranks[at] = rank
      }
    offsets[row + 1] = at
  }
  return { offsets, rows, chunks, ranks }
}
