// A guess at a row's k-th largest output, from a sample of its features.
import type { EncoderWeights } from '../encoder-weights.ts'
import type { Engine } from '../engine.ts'
import { Block } from '../tensors.ts'
import { GROUP } from './layout.ts'

/** One group of features of so many is computed densely. */
const GROUPS_PER_SAMPLE = 32

/** Features a row must have for each that is kept: with fewer, too many are candidates (bench/README.md, `sae`). */
const FEATURES_PER_KEPT = 128

/** Whether screening pays for what an encoder keeps. */
export function paysFor({ out, k }: EncoderWeights): boolean {
  return out >= k * FEATURES_PER_KEPT
}

/**
 * Of each row of x, in whole steps, a number that at least k of its outputs most likely exceed, but few more: the number that
 * `rank` outputs of the sample reach. Of the k largest outputs, `mean` are to be expected in the sample; that `rank` are there,
 * so that the guess is too high, happens to one row in a thousand or two. 0 where the sample has fewer that are positive.
 */
export async function guessFloors(
  engine: Engine,
  layer: EncoderWeights,
  x: number,
  rows: number,
): Promise<Float32Array> {
  const { weights, bias, floors, padded, k } = layer
  const stride = GROUPS_PER_SAMPLE * GROUP
  const pieces = Math.ceil(layer.out / stride)
  const outputs = pieces * GROUP
  const mean = k / GROUPS_PER_SAMPLE
  const rank = Math.ceil(mean + 4 * Math.sqrt(mean) + 1)
  const bytes = rows * outputs * 4
  using sample = new Block(engine.arena, 2 * bytes + rows * 4, 'sparseEncode: a sample of the features')
  const [out, indices, counts] = [0, bytes, 2 * bytes].map((offset) => sample.address + offset)
  const product = { x, rows, padded, weights: weights.address, bias: bias.address }
  await engine.run('sampleFeatures', { ...product, out, outputs, stride }, pieces)
  const kept = { x: out, outputs, floors: floors.address, k: rank, indices, counts }
  await engine.runRanged('select', kept, rows, 1)
  const found = engine.arena.words(counts, rows)
  return Float32Array.from(found, (count, r) => {
    const least = Math.min(...engine.arena.floats(out + r * outputs * 4, count))
    return count === rank && Number.isFinite(least) ? least : 0
  })
}
