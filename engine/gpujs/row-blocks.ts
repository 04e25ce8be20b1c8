/*
 * Weights are cut along their inputs when they are prepared (prepared.ts). Activations of many tokens can be too large,
 * too: 668 rows of GPT-2's logits are more than 128 MiB. Ops that widen their rows then go through them block by block.
 */
import type { Device } from './device.ts'
import { takeRows } from './take-rows.ts'
import type { GpuTensor } from './tensor.ts'

/** Ranges of rows whose `width` numbers the GPU binds at once: one range where all fit. Even numbers: products come in pairs of rows. */
export function rowBlocks(device: Device, rows: number, width: number): [first: number, last: number][] {
  const fitting = Math.floor(device.maxBytes / (4 * width))
  const atOnce = rows + (rows % 2) <= fitting ? rows : Math.max(1, fitting - (fitting % 2))
  const blocks: [number, number][] = [[0, Math.min(atOnce, rows)]]
  for (let first = atOnce; first < rows; first += atOnce) blocks.push([first, Math.min(first + atOnce, rows)])
  return blocks
}

/** Rows `first` to `last` of x, as a tensor of its own. */
export async function rowsOf(device: Device, x: GpuTensor, first: number, last: number): Promise<GpuTensor> {
  if (first === 0 && last === x.shape[0]) return x.reshape(x.shape)
  if (x.storage instanceof Float32Array) return device.tensor((await x.download()).rows(first, last))
  return takeRows(
    device,
    x,
    Array.from({ length: last - first }, (_, i) => first + i),
  )
}
