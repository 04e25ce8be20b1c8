// An encoder's features, quantised once.
import type { EncoderWeights } from '../encoder-weights.ts'
import type { Engine } from '../engine.ts'
import { biasFactor, normSlack } from './bound.ts'
import { FEATURE_BYTES, GROUP } from './layout.ts'
import { Block } from '../tensors.ts'

/** Features that a thread takes at a time: a sixteenth of all, but no fewer and no more than so many. */
const [LEAST, MOST, CHUNKS] = [64, 384, 16]
const MAX_CHUNKS = 1024

/** An encoder's features as the screen reads them, beside the float32 weights: a quarter of their size. */
export interface QuantizedWeights {
  readonly groups: number
  /** The same on any number of threads, because rows are left out by what a chunk finds. */
  readonly groupsPerChunk: number
  readonly chunks: number
  readonly int8: Block // [groups][padded / 4][GROUP][4]
  readonly features: Block // [groups] of FEATURE_BYTES
  /** When they are filled. */
  readonly ready: Promise<void>
}

/**
 * Makes every feature int8 numbers and what bounds their error; see bound.ts. The last group's features that are not
 * there are zero: never positive.
 */
export function quantizeWeights(engine: Engine, layer: EncoderWeights): QuantizedWeights {
  const { arena } = engine
  const groups = Math.ceil(layer.out / GROUP)
  const usual = Math.min(MOST, Math.max(LEAST, Math.ceil(layer.out / CHUNKS)))
  const groupsPerChunk = Math.max(Math.ceil(usual / GROUP), Math.ceil(groups / MAX_CHUNKS))
  const what = `8-bit features of a layer [${layer.in}, ${layer.out}]`
  const weights = {
    groups,
    groupsPerChunk,
    chunks: Math.ceil(groups / groupsPerChunk),
    int8: new Block(arena, groups * GROUP * layer.padded, what),
    features: new Block(arena, groups * FEATURE_BYTES, what),
  }
  const vectors = { bias: layer.bias.address, floors: layer.floors.address }
  const from = { weights: layer.weights.address, ...vectors, padded: layer.padded }
  const to = { int8: weights.int8.address, features: weights.features.address }
  const perChunk = groupsPerChunk * GROUP
  const range = { first: 0, last: groups * GROUP, perChunk }
  const ready = engine.run(
    'quantizeFeatures',
    { ...from, ...to, slack: normSlack(layer.in), biasFactor: biasFactor(layer.in), ...range },
    weights.chunks,
  )
  return { ...weights, ready }
}
