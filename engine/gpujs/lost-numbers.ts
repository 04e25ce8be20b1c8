/*
 * Compilers of GPU programs may act as if there were no NaN and no infinity (WGSL and GLSL allow it), and where they do,
 * an encoder's ReLU would silently turn NaN into 0. So each GPU is tested at the start, and its mode says what it loses.
 */
import { Tensor } from '../tensor.ts'
import type { Device } from './device.ts'
import { relu } from './relu.ts'
import { activeCount } from './sparse-encode.ts'

/** What to add to the mode: nothing where ReLU keeps NaN and infinity and the encoder lists them. */
export async function lostNumbers(device: Device): Promise<string> {
  const given = Tensor.of([1, 5], [NaN, Infinity, -Infinity, -1, 1])
  using x = device.tensor(given)
  using clipped = await relu(device, x)
  using active = await device.run(activeCount, { grid: [1, 1], constants: { width: 5 } }, clipped)
  return describeLost((await clipped.download()).data, (await active.download()).data[0])
}

/** `clipped`: ReLU of NaN, infinity, -infinity, -1 and 1; `listed`: how many of them the encoder lists. */
export function describeLost(clipped: ArrayLike<number>, listed: number): string {
  const [nan, infinity] = [clipped[0], clipped[1]]
  if (Number.isNaN(nan) && infinity === Infinity && listed === 3) return ''
  return `, loses NaN or infinity (ReLU makes ${nan} and ${infinity} of them, and 3 of 3 are ${listed} in the encoder)`
}
