// What decides every bit of a model's results: its weights, and the arithmetic.
import { createHash } from 'node:crypto'
import type { Backend } from '../../../engine/backend.ts'
import { readTensor, type WeightStore } from '../../../engine/weights/weights.ts'

/** The number of threads is no part of it. */
export function arithmeticOf({ name, mode }: Backend): string {
  return `${name}: ${mode.replace(/, \d+ threads?/, '')}`
}

/** SHA-256 of all tensors as they are read, float32, in the order of their names. The store is closed. */
export async function hashWeights(store: WeightStore): Promise<string> {
  const hash = createHash('sha256')
  try {
    for (const tensor of [...store.names()].sort()) {
      const { data } = await readTensor(store.get(tensor))
      hash.update(tensor).update(new Uint8Array(data.buffer, data.byteOffset, data.byteLength))
    }
  } finally {
    await store.close()
  }
  return hash.digest('hex')
}
