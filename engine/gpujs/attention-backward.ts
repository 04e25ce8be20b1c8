import type { TextSpan } from '../backend.ts'
import type { AttentionSize } from '../checks.ts'
import { attentionMix, scores, viewsOf } from './attention.ts'
import type { Device } from './device.ts'
import type { Cube, Row, Thread } from './kernel.ts'
import { softmaxBackward } from './softmax-backward.ts'
import type { GpuTensor } from './tensor.ts'

/** One thread per number (x column, y head, z key): it walks the queries that look at its key. */
function mixOfQueries(this: Thread, pattern: Cube, dY: Cube, from: Row, to: Row, places: Row): number {
  const key = places[this.thread.z]
  let sum = 0
  for (let query = from[this.thread.z]; query < to[this.thread.z]; query += 1)
    sum += pattern[this.thread.y][query][key] * dY[query][this.thread.y][this.thread.x]
  return sum
}

/** P^T dY, one head and one text at a time: pattern [heads, queries, longest], dY [queries, width] -> [keys, width] */
function mixBack(
  device: Device,
  pattern: GpuTensor,
  dY: GpuTensor,
  { heads, dHead, queries, keys, width }: AttentionSize,
  texts: readonly TextSpan[],
): Promise<GpuTensor> {
  const [from, to, places]: number[][] = [[], [], []]
  let first = 0
  for (const text of texts) {
    const past = text.keys - text.queries
    for (let key = 0; key < text.keys; key++) {
      from.push(first + Math.max(0, key - past))
      to.push(first + text.queries)
      places.push(key)
    }
    first += text.queries
  }
  const launch = { grid: [keys, heads, dHead], shape: [keys, width] }
  const asked = { tensor: dY, shape: [queries, heads, dHead] }
  const [begin, end, at] = [from, to, places].map((numbers) => Float32Array.from(numbers))
  return device.run(mixOfQueries, launch, pattern, asked, begin, end, at)
}

/** dS by softmax's rule, dQ = dS K scale and dK = dS^T Q scale. */
export async function attentionPatternBackward(
  device: Device,
  [dP, pattern, q, k]: readonly GpuTensor[],
  size: AttentionSize,
  texts: readonly TextSpan[],
  scale = 1 / Math.sqrt(size.dHead),
): Promise<[dQ: GpuTensor, dK: GpuTensor]> {
  const { heads, queries, longest } = size
  using dS = await softmaxBackward(device, dP, pattern, [heads * queries, longest], scale)
  const dQ = await attentionMix(device, dS, k, size, texts)
  return [dQ, await mixBack(device, dS, q, size, texts)]
}

/** dP = dY V^T, 0 where a query may not look, and dV = P^T dY. */
export async function attentionMixBackward(
  device: Device,
  [dY, pattern, v]: readonly GpuTensor[],
  size: AttentionSize,
  texts: readonly TextSpan[],
): Promise<[dP: GpuTensor, dV: GpuTensor]> {
  const { heads, dHead, queries, keys, longest } = size
  const { firstKeys, visible } = viewsOf(texts)
  const launch = { grid: [heads, queries, longest], constants: { dHead, scale: 1 } }
  const [asked, offered] = [
    { tensor: dY, shape: [queries, heads, dHead] },
    { tensor: v, shape: [keys, heads, dHead] },
  ]
  const dP = await device.run(scores, launch, asked, offered, firstKeys, visible)
  return [dP, await mixBack(device, pattern, dY, size, texts)]
}
