// The format of the file beside the page with the features of the bundled texts.
import { memorySource } from '../../engine/weights/bytes.ts'
import { encodeSafetensors, openSafetensors } from '../../engine/weights/safetensors.ts'
import type { SparseRows } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { readTensor } from '../../engine/weights/weights.ts'
import { unzip, zip } from './gzip.ts'

/**
 * Sparse rows as gzip of a safetensors file of F32 tensors: `values` and `indices` [entries], and `counts` [rows], how
 * many entries each row has. float32 holds whole numbers exactly up to 2^24, far above any SAE's width; gzip takes away
 * what that wastes.
 */
export async function encodeSparse(x: SparseRows): Promise<Uint8Array> {
  const [rows, width] = x.shape
  const entries = [x.values.length]
  const counts = Tensor.zeros([rows])
  for (let row = 0; row < rows; row++) counts.data[row] = x.offsets[row + 1] - x.offsets[row]
  const tensors = new Map([
    ['values', Tensor.of(entries, x.values)],
    ['indices', Tensor.of(entries, x.indices)],
    ['counts', counts],
  ])
  const file = encodeSafetensors(tensors, new Map([['width', String(width)]]))
  return zip(file)
}

/** @throws if the bytes are not such a file; `label` names it */
export async function decodeSparse(label: string, bytes: Uint8Array<ArrayBuffer>): Promise<SparseRows> {
  const file = await unzip(bytes)
  const store = await openSafetensors(memorySource(label, file))
  const read = async (name: string) => (await readTensor(store.get(name))).data
  const [values, indices, counts] = [await read('values'), await read('indices'), await read('counts')]
  const offsets = new Uint32Array(counts.length + 1)
  for (const [row, count] of counts.entries()) offsets[row + 1] = offsets[row] + count
  const width = Number(store.metadata.get('width'))
  return { shape: [counts.length, width], offsets, indices: Uint32Array.from(indices), values }
}
