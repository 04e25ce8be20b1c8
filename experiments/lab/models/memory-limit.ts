// Whether a model fits, said before it is loaded.
import { totalmem } from 'node:os'
import { backends } from '../../../engine/backends.ts'
import { sizeOf, type Shape } from '../../../engine/tensor.ts'
import { UserError } from '../cli/user-error.ts'
import { showBytes } from '../cli/progress.ts'

/** The most that a model may take, whose limit that is, and what to do where it is too little. */
export interface MemoryLimit {
  readonly bytes: number
  readonly whose: string
  readonly advice: string
}

/** What there is for a backend of this name: its own limit, or the machine's (or its container's). */
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

/** Bytes of tensors as backends keep them: float32. */
export function float32Bytes(shapes: ReadonlyMap<string, Shape>): number {
  return 4 * [...shapes.values()].reduce((sum, shape) => sum + sizeOf(shape), 0)
}

/** @throws UserError with both sizes unless `bytes` of weights are within the limit */
export function checkFits(what: string, bytes: number, { bytes: most, whose, advice }: MemoryLimit): void {
  if (bytes > most)
    throw new UserError(
      `${what} does not fit: its weights as float32 are ${showBytes(bytes)}, ${whose} is ${showBytes(most)}: ${advice}`,
    )
}
