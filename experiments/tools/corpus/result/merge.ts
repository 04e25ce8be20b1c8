// Shards merged: always in the order of their numbers, so sums have the same bits whoever made them.
import type { ShardFile } from '../shard-file-node.ts'
import { addTally, emptyTally, type Tally } from '../tally/tally.ts'
import { LabelList, SAMPLE, smallestWindows } from '../tally/tokens.ts'
import type { CorpusFault } from '../cut.ts'

/** All shards as one. */
export interface MergedShards {
  readonly tokens: number
  readonly windows: number
  readonly documents: number
  readonly faultCount: number
  readonly faults: readonly CorpusFault[]
  readonly labels: readonly string[]
  readonly labelTokens: readonly number[]
  /** Tokens on which co-firing is counted. */
  readonly sampled: number
  /** Windows on which SAEs are measured. */
  readonly measured: readonly (readonly number[])[]
  /** The tallies of a block of a layer's features, without those that fire nowhere. */
  block(layer: number, block: number): Promise<Tally[]>
  /** For each feature of a layer that fires there, its places in the sample. */
  sampledPlaces(layer: number): Promise<Map<number, number[]>>
}

const MOST_FAULTS = 10_000

/** shards: all of a corpus, by rising number */
export async function mergeShards(shards: readonly ShardFile[], nCtx: number): Promise<MergedShards> {
  const heads = shards.map(({ head }) => head)
  const labels = new LabelList()
  const labelTokens: number[] = []
  const labelOf = heads.map((head) =>
    head.labels.map((label, i) => {
      const index = labels.add(label)
      labelTokens[index] = (labelTokens[index] ?? 0) + head.labelTokens[i]
      return index
    }),
  )
  const { faults, measured, slots } = await drawnOf(shards, nCtx)
  const sum = (of: (head: ShardFile['head']) => number) => heads.reduce((total, head) => total + of(head), 0)
  const slotOf = (shard: number) => (place: number) => slots.of[shard].get(place)
  return {
    ...{ tokens: sum(({ tokens }) => tokens), windows: sum(({ windows }) => windows) },
    documents: heads.at(-1)?.ends.document ?? 0,
    ...{ labels: labels.names, labelTokens, sampled: slots.size },
    faultCount: sum(({ faultCount }) => faultCount),
    ...{ faults, measured: measured.map(({ ids }) => ids) },
    async block(layer, block) {
      const merged = new Map<number, Tally>()
      for (const [i, shard] of shards.entries())
        for (const tally of await shard.block(layer, block)) {
          if (!merged.has(tally.feature)) merged.set(tally.feature, emptyTally(tally.feature))
          addTally(merged.get(tally.feature)!, tally, labelOf[i], slotOf(i))
        }
      return [...merged.values()].sort((a, b) => a.feature - b.feature)
    },
    async sampledPlaces(layer) {
      const places = new Map<number, number[]>()
      for (const [i, shard] of shards.entries())
        for (const [feature, sampled] of await shard.sampled(layer))
          for (const place of sampled) {
            const slot = slots.of[i].get(place)
            if (slot === undefined) continue
            if (!places.has(feature)) places.set(feature, [])
            places.get(feature)!.push(slot)
          }
      return places
    },
  }
}

/**
 * What is drawn from all shards. Holds the content of one of them at a time.
 * -> slots: the place of a shard's sampled token in the sample of the whole: tokens with the `SAMPLE` smallest hashes have one
 */
async function drawnOf(shards: readonly ShardFile[], nCtx: number) {
  const faults: CorpusFault[] = []
  let measured: Awaited<ReturnType<ShardFile['drawn']>>['measured'] = []
  let kept: { hash: number; shard: number; place: number }[] = []
  for (const [shard, file] of shards.entries()) {
    const drawn = await file.drawn()
    faults.push(...drawn.faults.slice(0, MOST_FAULTS - faults.length))
    measured = smallestWindows([...measured, ...drawn.measured], nCtx)
    kept.push(...drawn.sample.map((hash, place) => ({ hash, shard, place })))
    kept.sort((a, b) => a.hash - b.hash || a.shard - b.shard || a.place - b.place)
    kept = kept.slice(0, SAMPLE)
  }
  const of = shards.map(() => new Map<number, number>())
  for (const [slot, { shard, place }] of kept.entries()) of[shard].set(place, slot)
  return { faults, measured, slots: { size: kept.length, of } }
}
