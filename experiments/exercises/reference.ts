// The right answers: the reference backend's, from rows of numbers to rows of numbers.
import { createBackend } from '../../engine/backends.ts'
import type { Backend, DeviceTensor } from '../../engine/backend.ts'
import { Tensor } from '../../engine/tensor.ts'

const backend = createBackend('reference')

export type Rows = readonly (readonly number[])[]

/** Runs ops of the reference backend on rows. -> rows */
export async function byReference(
  work: (ops: Backend, upload: (rows: Rows) => DeviceTensor) => Promise<DeviceTensor>,
): Promise<number[][]> {
  const ops = await backend
  const upload = (rows: Rows) => ops.upload(Tensor.of([rows.length, rows[0].length], rows.flat()))
  const result = await ops.download(await work(ops, upload))
  return Array.from({ length: result.shape[0] }, (_, r) => Array.from(result.row(r)))
}

export function tensorOf(...numbers: readonly number[]): Tensor {
  return Tensor.of([numbers.length], [...numbers])
}
