import type { Device } from './device.ts'
import type { Matrix, Thread } from './kernel.ts'
import type { GpuCache } from './prepared.ts'
import type { GpuTensor } from './tensor.ts'

/**
 * One thread per number of the longer matrix: it copies from the old rows or from the new ones. A kernel cannot write
 * into an old buffer, so a cache of n rows costs n rows to extend.
 */
function appended(this: Thread, before: Matrix, rows: Matrix, lengths: readonly number[]): number {
  const length = lengths[0]
  if (this.thread.y < length) return before[this.thread.y][this.thread.x]
  return rows[this.thread.y - length][this.thread.x]
}

export async function append(device: Device, cache: GpuCache, rows: GpuTensor): Promise<GpuTensor> {
  const [count, width] = rows.shape
  if (count === 0) return cache.rows ? cache.rows.reshape(cache.rows.shape) : rows.reshape(rows.shape)
  const before = cache.rows
  const length = cache.length + count
  cache.rows = before
    ? await device.run(appended, { grid: [length, width] }, before, rows, Float32Array.of(cache.length))
    : rows.reshape(rows.shape)
  before?.free()
  cache.length = length
  return cache.rows.reshape([length, width])
}
