// What a corpus takes of memory, whatever its size: said before it begins.
import type { Sae } from '../../../sae/weights.ts'
import { showBytes } from '../../lab/cli/progress.ts'
import { BINS } from './tally/bins.ts'
import { AFTER, BEFORE, PER_BIN, TOP } from './tally/tally.ts'
import { BLOCK } from './shard-file-node.ts'

/** A feature's number and value, for each token on which it fires; twice, while they are turned from tokens to features. */
const ENTRY = 2 * 8

/** An example in a shard's file: 9 words, and at most as many ids and activations as it has tokens. */
const EXAMPLE = 4 * (9 + 2 * (BEFORE + AFTER + 1))

/** A line for each SAE. */
export function memoryBound(saes: readonly Sae[], shardTokens: number): string {
  const kept = TOP + BINS * PER_BIN
  const lines = saes.map(({ config: { hookName, dSae, k } }) => {
    const entries = k === undefined ? 'L0' : `${k}`
    return (
      `${hookName}: a shard's activations, ${shardTokens} tokens x ${entries} x ${ENTRY} bytes` +
      (k === undefined
        ? ` (${showBytes(shardTokens * ENTRY)} for each feature active a token)`
        : ` (${showBytes(shardTokens * k * ENTRY)})`) +
      `; at most ${kept} examples of each of ${dSae} features in a shard's file, ${showBytes(dSae * kept * EXAMPLE)}`
    )
  })
  return [
    'memory, whatever the size of the corpus:',
    ...lines,
    `merging holds ${BLOCK} features at a time`,
  ].join('\n')
}
