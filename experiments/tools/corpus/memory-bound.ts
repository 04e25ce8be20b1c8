// How much memory a corpus takes, whatever its size: printed before the work begins.
import type { Sae } from '../../../sae/weights.ts'
import { showBytes } from '../../lab/cli/progress.ts'
import { BATCH_TOKENS } from '../../lab/models/features.ts'
import { BINS } from './tally/bins.ts'
import { AFTER, BEFORE, PER_BIN, TOP } from './tally/tally.ts'
import { FEATURE_BYTES, FIRING_BYTES } from './tally/tally-shard.ts'
import { BLOCK } from './shard-file-node.ts'

/** An example in a shard's file: 9 words, and at most as many ids and activations as it has tokens. */
const EXAMPLE = 4 * (9 + 2 * (BEFORE + AFTER + 1))

/** A line for each SAE. */
export function memoryBound(saes: readonly Sae[], shardTokens: number): string {
  const kept = TOP + BINS * PER_BIN
  const ofFeature = FEATURE_BYTES + 4 * Math.ceil(shardTokens / BATCH_TOKENS) // and its place in each batch
  const lines = saes.map(({ config: { hookName, dSae, k } }) => {
    const entries = k === undefined ? 'L0' : `${k}`
    return (
      `${hookName}: a shard's firings, ${shardTokens} tokens x ${entries} x ${FIRING_BYTES} bytes` +
      (k === undefined
        ? ` (${showBytes(shardTokens * FIRING_BYTES)} for each feature active per token)`
        : ` (${showBytes(shardTokens * k * FIRING_BYTES)})`) +
      `; counts of ${dSae} features, ${showBytes(dSae * ofFeature)}` +
      `; at most ${kept} examples of each in a shard's file, ${showBytes(dSae * kept * EXAMPLE)}`
    )
  })
  return [
    'memory, whatever the size of the corpus:',
    ...lines,
    `merging holds ${BLOCK} features at a time`,
  ].join('\n')
}
