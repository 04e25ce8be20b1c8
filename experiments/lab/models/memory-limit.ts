// How much memory there is for a model.
import { totalmem } from 'node:os'
import { backends } from '../../../engine/backends.ts'
import type { MemoryLimit } from './fits.ts'

/** The memory available to a backend of this name: its own limit, or the machine's (or its container's). */
export function memoryLimit(backend: string): MemoryLimit {
  const machine = Math.min(totalmem(), process.constrainedMemory() || Infinity)
  const own = Object.hasOwn(backends, backend) ? backends[backend].mostBytes : undefined
  if (own !== undefined && own < machine)
    return {
      bytes: own,
      whose: `the memory of the ${backend} backend`,
      advice: 'take a smaller model, or --backend reference',
    }
  return {
    bytes: machine,
    whose: 'the memory of this machine',
    advice: 'take a smaller model, or a larger machine',
  }
}
