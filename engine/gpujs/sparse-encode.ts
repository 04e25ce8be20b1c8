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
 * then list. How long the lists are is not known before they have come back, so they have room for PLACES entries per row, or as many
 * as the longest so far needed: one read-back, and a second one only for a row that is longer.
 */

/** Columns that one thread counts. */
const CHUNK = 256

/**
 * One thread per chunk of a row: it walks 256 numbers and counts those that are positive, or NaN: all that are not at
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

/**
 * One thread per place in a row's list. It walks the row's counts to the chunk that its entry is in, and that chunk up to it.
 * -> the entry's column (-1: the list has ended), its number, and how many entries the row has
 */
function listed(
  this: Thread<'width' | 'chunks'>,
  dense: Matrix,
  counts: Matrix,
): [number, number, number, number] {
  const y = this.thread.y
  let chunk = 0
  let before = 0
  let total = 0
  for (let c = 0; c < this.constants.chunks; c++) {
    total += counts[y][c]
    if (total <= this.thread.x) {
      chunk = c + 1
      before = total
    }
  }
  const from = chunk * 256
  const to = Math.min(from + 256, this.constants.width)
  let left = this.thread.x - before
  let column = -1
  let value = 0
  for (let j = from; j < to; j += 1) {
    const number = dense[y][j]
    let active = 1
    if (number <= 0) active = 0
    if (active === 1 && left === 0) {
      column = j
      value = number
    }
    left -= active
  }
  return [column, value, total, 0]
}

/** One thread per number: 0 where it is not above its column's threshold. Written so that NaN goes through. */
function clipBelow(this: Thread, dense: Matrix, threshold: Row): number {
  const value = dense[this.thread.y][this.thread.x]
  if (value <= threshold[this.thread.x]) return 0
  return value
}

export async function sparseEncode(device: Device, x: GpuTensor, encoder: GpuEncoder): Promise<SparseRows> {
  const blocks = rowBlocks(device, x.shape[0], Math.max(encoder.in, encoder.out))
  if (blocks.length === 1) return encodeAtOnce(device, x, encoder)
  const parts: SparseRows[] = []
  for (const [first, last] of blocks) {
    using part = await rowsOf(device, x, first, last)
    parts.push(await encodeAtOnce(device, part, encoder))
  }
  return stackRows(parts, encoder.out)
}

async function encodeAtOnce(device: Device, x: GpuTensor, encoder: GpuEncoder): Promise<SparseRows> {
  using dense = await preActivations(device, x, encoder)
  return await select(device, dense, encoder)
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

/** Room for entries per row at first, and the step by which it grows. */
const PLACES = 64
/** The room that a device's lists last needed: texts of one model are alike. */
const places = new WeakMap<Device, number>()

/** The positive entries of a dense matrix that lies on the device; the matrix itself stays there. */
export async function fetchActive(device: Device, dense: GpuTensor): Promise<SparseRows> {
  const [tokens, width] = dense.shape
  const chunks = Math.ceil(width / CHUNK)
  using counts = await device.run(activeCount, { grid: [tokens, chunks], constants: { width } }, dense)
  const list = async (room: number): Promise<Tensor> => {
    const launch = { grid: [tokens, room], shape: [tokens, room, 4], constants: { width, chunks } }
    using lists = await device.run(listed, launch, dense, counts)
    return lists.download()
  }
  const room = Math.min(width, places.get(device) ?? PLACES)
  const lists = await list(room)
  const longest = Array.from({ length: tokens }, (_, row) => lengthOf(lists, row)).reduce(
    (most, length) => Math.max(most, length),
    0,
  )
  if (longest <= room) return fromLists(lists, width)
  const needed = Math.ceil(longest / PLACES) * PLACES
  places.set(device, needed)
  return fromLists(await list(Math.min(width, needed)), width)
}

/** How many entries a row has, whether or not its list has room for them. */
const lengthOf = ({ shape: [, room], data }: Tensor, row: number): number => data[row * room * 4 + 2]

/** lists [rows, room, 4] as `listed` returns them */
function fromLists(lists: Tensor, width: number): SparseRows {
  const [rows, room] = lists.shape
  const offsets = new Uint32Array(rows + 1)
  for (let row = 0; row < rows; row++) offsets[row + 1] = offsets[row] + lengthOf(lists, row)
  const [indices, values] = [new Uint32Array(offsets[rows]), new Float32Array(offsets[rows])]
  for (let row = 0; row < rows; row++)
    for (let rank = 0, at = offsets[row]; at < offsets[row + 1]; rank++, at++) {
      const entry = (row * room + rank) * 4
      indices[at] = lists.data[entry]
      values[at] = lists.data[entry + 1]
    }
  return { shape: [rows, width], offsets, indices, values }
}
