// Whether a model fits into memory, checked before it is loaded.
import { sizeOf, type Shape } from '../../../engine/tensor.ts'
import type { SaeConfig } from '../../../sae/config.ts'
import { saeShapes } from '../../../sae/weights.ts'
import { showBytes } from '../cli/show-bytes.ts'
import { UserError } from '../cli/user-error.ts'

/** The most memory that a model may take, whose limit that is, and what to do if it is too little. */
export interface MemoryLimit {
  readonly bytes: number
  readonly whose: string
  readonly advice: string
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

/** The 8-bit columns that exact screening makes of an encoder, as a share of the SAE. */
const SCREEN_SHARE = 1 / 8

/** Bytes of an open SAE. */
export function saeBytes(config: SaeConfig): number {
  return (1 + SCREEN_SHARE) * float32Bytes(saeShapes(config))
}
