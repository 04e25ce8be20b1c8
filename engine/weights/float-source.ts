// Numbers of a file as float32, whatever precision they are stored in.
import type { ByteSource } from './bytes.ts'
import { cut, show } from './json.ts'
import type { Dtype } from './safetensors-header.ts'
import { sizeOf, showShape, type Shape } from '../tensor.ts'
import { WeightsFileError, type WeightSource } from './weights.ts'

/** Where a tensor lies in a file: its numbers one after the other, row-major, from byte `begin` on. */
export interface StoredTensor {
  readonly dtype: Dtype
  readonly shape: Shape
  readonly begin: number
}

/**
 * A tensor of a file, read as float32: F16 and BF16 exactly, F64 rounded.
 * @throws naming the tensor if it holds another type of number
 */
export function floatSource(source: ByteSource, name: string, tensor: StoredTensor): WeightSource {
  const { dtype, shape, begin } = tensor
  const label = `${source.label}: tensor ${show(name)} ${dtype} ${cut(showShape(shape))}`
  if (dtype !== 'F64' && dtype !== 'F32' && dtype !== 'F16' && dtype !== 'BF16')
    throw new WeightsFileError(`${label}: only F64, F32, F16 and BF16 can be read as float32`)
  const size = sizeOf(shape)
  return {
    name,
    shape,
    storedAs: dtype,
    async read(into, start) {
      const inside = Number.isSafeInteger(start) && start >= 0 && start + into.length <= size
      if (!inside || (into.length === 0 && size > 0))
        throw new WeightsFileError(`${label} holds ${size} numbers, cannot read ${into.length} from ${start}`)
      if (dtype === 'F32') await source.read(bytesOf(into), begin + 4 * start)
      else if (dtype === 'F64') await readDoubles(source, into, begin + 8 * start)
      else await readHalves(source, dtype, into, begin + 2 * start)
    },
  }
}

/** Numbers that are held at once, twice as large as their destination. */
const DOUBLES_AT_ONCE = 2 ** 16

async function readDoubles(source: ByteSource, into: Float32Array, at: number): Promise<void> {
  const doubles = new Float64Array(Math.min(into.length, DOUBLES_AT_ONCE))
  for (let done = 0; done < into.length; done += doubles.length) {
    const part = doubles.subarray(0, Math.min(doubles.length, into.length - done))
    await source.read(new Uint8Array(part.buffer, 0, part.byteLength), at + 8 * done)
    into.set(part, done)
  }
}

/**
 * Reads 16-bit floats into the second half of their destination's own memory and widens them from the
 * front: number i is read from byte 2n + 2i and written to byte 4i, so no number is overwritten unread.
 */
async function readHalves(
  source: ByteSource,
  dtype: 'F16' | 'BF16',
  into: Float32Array,
  at: number,
): Promise<void> {
  const middle = into.byteOffset + 2 * into.length
  await source.read(new Uint8Array(into.buffer, middle, 2 * into.length), at)
  const halves = new Uint16Array(into.buffer, middle, into.length)
  const bits = new Uint32Array(into.buffer, into.byteOffset, into.length)
  for (let i = 0; i < into.length; i++) {
    const half = halves[i]
    if (dtype === 'BF16') {
      bits[i] = half << 16 // BF16 is the upper half of a float32
      continue
    }
    const magnitude = half & 0x7fff
    bits[i] = ((half & 0x8000) << 16) | (magnitude << 13)
    if (magnitude >= 0x7c00)
      bits[i] |= 0x7f800000 // infinity or NaN
    else into[i] *= 2 ** 112 // F16 counts exponents from 15, float32 from 127; exact, for the smallest numbers too
  }
}

/** The memory of `floats`, as bytes. */
export function bytesOf(floats: Float32Array): Uint8Array {
  return new Uint8Array(floats.buffer, floats.byteOffset, floats.byteLength)
}

/** Files are little-endian, and numbers are read without swapping bytes. */
export function requireLittleEndian(): void {
  if (new Uint8Array(Uint16Array.of(1).buffer)[0] !== 1)
    throw new Error('this processor is big-endian; only little-endian ones are supported')
}
