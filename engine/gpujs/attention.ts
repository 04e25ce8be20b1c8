import type { TextSpan } from '../backend.ts'
import type { AttentionSize } from '../checks.ts'
import type { Device } from './device.ts'
import type { Cube, Row, Thread } from './kernel.ts'
import type { GpuTensor } from './tensor.ts'

/*
 * x counts keys (or columns of a head), y queries, z heads: no thread divides to find out where it is.
 * q, k and v are read as [token][head][column].
 */

/** One thread per score: it reads one query and one key, dHead numbers each. Keys ahead of the query get no score. */
export function scores(
  this: Thread<'dHead' | 'scale'>,
  q: Cube,
  k: Cube,
  firstKeys: Row,
  visible: Row,
): number {
  if (this.thread.x >= visible[this.thread.y]) return 0
  const key = firstKeys[this.thread.y] + this.thread.x
  let dot = 0
  for (let i = 0; i < this.constants.dHead; i++)
    dot += q[this.thread.y][this.thread.z][i] * k[key][this.thread.z][i]
  return dot * this.constants.scale
}

/** One thread per query and head: it walks the query's scores for the largest, then for the sum of their exponentials. */
function highestAndTotal(this: Thread, scores: Cube, visible: Row): [number, number, number, number] {
  let highest = scores[this.thread.y][this.thread.x][0]
  for (let key = 1; key < visible[this.thread.x]; key++)
    if (scores[this.thread.y][this.thread.x][key] > highest)
      highest = scores[this.thread.y][this.thread.x][key]
  let total = 0
  for (let block = 0; block < visible[this.thread.x]; block += 256) {
    const end = Math.min(block + 256, visible[this.thread.x])
    let part = 0
    for (let key = block; key < end; key += 1)
      part += Math.exp(scores[this.thread.y][this.thread.x][key] - highest)
    total += part
  }
  return [highest, total, 0, 0]
}

/** One thread per probability: it reads one score, and what the kernel before found for its row. */
function probability(this: Thread, scores: Cube, found: Cube, visible: Row): number {
  if (this.thread.x >= visible[this.thread.y]) return 0
  const score = scores[this.thread.z][this.thread.y][this.thread.x]
  return Math.exp(score - found[this.thread.z][this.thread.y][0]) / found[this.thread.z][this.thread.y][1]
}

/** One thread per number of the output (x column, y head, z query): it walks the keys its query may look at. */
function mix(this: Thread, pattern: Cube, v: Cube, firstKeys: Row, visible: Row): number {
  let sum = 0
  for (let block = 0; block < visible[this.thread.z]; block += 256) {
    const end = Math.min(block + 256, visible[this.thread.z])
    let part = 0
    for (let key = block; key < end; key += 1)
      part +=
        pattern[this.thread.y][this.thread.z][key] *
        v[firstKeys[this.thread.z] + key][this.thread.y][this.thread.x]
    sum += part
  }
  return sum
}

export async function attentionPattern(
  device: Device,
  q: GpuTensor,
  k: GpuTensor,
  { heads, dHead, queries, keys, longest }: AttentionSize,
  texts: readonly TextSpan[],
  scale = 1 / Math.sqrt(dHead),
): Promise<GpuTensor> {
  const { firstKeys, visible } = viewsOf(texts)
  const [asked, offered] = [
    { tensor: q, shape: [queries, heads, dHead] },
    { tensor: k, shape: [keys, heads, dHead] },
  ]
  const grid = [heads, queries, longest]
  using score = await device.run(
    scores,
    { grid, constants: { dHead, scale } },
    asked,
    offered,
    firstKeys,
    visible,
  )
  if (queries === 0) return score.reshape(grid)
  const walk = { grid: [heads, queries], shape: [heads, queries, 4] }
  using found = await device.run(highestAndTotal, walk, score, visible)
  return await device.run(probability, { grid }, score, found, visible)
}

export async function attentionMix(
  device: Device,
  pattern: GpuTensor,
  v: GpuTensor,
  { heads, dHead, queries, keys, width }: AttentionSize,
  texts: readonly TextSpan[],
): Promise<GpuTensor> {
  const { firstKeys, visible } = viewsOf(texts)
  const answers = { tensor: v, shape: [keys, heads, dHead] }
  const launch = { grid: [queries, heads, dHead], shape: [queries, width] }
  return device.run(mix, launch, pattern, answers, firstKeys, visible)
}

/** For each query: the first key row of its text, and how many keys it may look at. */
export function viewsOf(texts: readonly TextSpan[]): { firstKeys: Float32Array; visible: Float32Array } {
  const firstKeys: number[] = []
  const visible: number[] = []
  let first = 0
  for (const { queries, keys } of texts) {
    for (let i = 0; i < queries; i++) {
      firstKeys.push(first)
      visible.push(keys - queries + i + 1)
    }
    first += keys
  }
  return { firstKeys: Float32Array.from(firstKeys), visible: Float32Array.from(visible) }
}
