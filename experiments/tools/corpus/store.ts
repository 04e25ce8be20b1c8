// What a corpus keeps for each token if --store asks for it.
import type { Hook } from '../../../gpt2/hooks.ts'
import type { SparseRows } from '../../../engine/sparse.ts'
import { siteNames, siteOf } from '../../../sae/sites.ts'
import { FEATURES, storeFile } from '../../lab/analysis/corpus/store-node.ts'
import { showBytes } from '../../lab/cli/progress.ts'
import { UserError } from '../../lab/cli/user-error.ts'
import type { OpenModel } from '../../lab/models/models.ts'
import type { Shard } from './cut.ts'
import type { Job } from './job.ts'
import { storeDocuments, storeFeatures } from './store-features.ts'
import { StreamsFile } from './store-streams.ts'
import type { ShardTokens } from './tally/tokens.ts'

/** The store of one shard. */
export interface ShardStore {
  /** Hooks for a batch of windows, which write as the model reads it. */
  hooksFor(batch: readonly (readonly number[])[]): [name: string, hook: Hook][]
  /** Writes what remains to be written, and gives all files their names. */
  finish(tokens: ShardTokens, features: readonly SparseRows[]): Promise<void>
}

/** @throws UserError if one of them is neither `features` nor a hook that an SAE can be trained on */
export function checkStore(store: readonly string[], { name, gpt2 }: OpenModel): void {
  const { nLayers } = gpt2.config
  for (const kept of store) {
    if (kept === FEATURES) continue
    const site = siteOf(kept)
    if (!site || site.holds === 'normalized' || site.layer >= nLayers)
      throw new UserError(
        `--store ${kept}: expected ${FEATURES}, or one of ${siteNames}, except ln2.hook_normalized; ${name} has blocks 0..${nLayers - 1}`,
      )
  }
}

const hooksOf = (store: readonly string[]): string[] => store.filter((kept) => kept !== FEATURES)

/** What each token takes on the disk. */
export function diskBound(store: readonly string[], { gpt2 }: OpenModel): string {
  const hooks = hooksOf(store)
  const lines = store.includes(FEATURES) ? ['each firing: at most 24 bytes'] : []
  const token = 4 * gpt2.config.dModel * hooks.length
  if (hooks.length > 0)
    lines.push(`each token: ${token} bytes at ${hooks.join(', ')}: ${showBytes(1e6 * token)} for a million`)
  return ['disk, for what --store keeps:', ...lines].join('\n')
}

/** @throws UserError if the disk has no room for it */
export async function openStore(
  folder: string,
  { model, job }: { readonly model: OpenModel; readonly job: Job },
  { index, tokens, windows }: Shard,
): Promise<ShardStore> {
  const hooks = hooksOf(job.store)
  const metadata = new Map(Object.entries({ model_sha256: job.model.sha256, arithmetic: job.arithmetic }))
  const streams =
    hooks.length > 0
      ? await StreamsFile.open(storeFile(folder, 'hooks', index), {
          ...{ hooks, width: model.gpt2.config.dModel, tokens, metadata },
        })
      : undefined
  const files = job.files.map(({ name }) => name)
  return {
    hooksFor: (batch) => streams?.hooksFor(batch) ?? [],
    async finish(tokens, features) {
      if (job.store.includes(FEATURES)) {
        await storeFeatures(folder, index, tokens, features)
        await storeDocuments(folder, index, windows, files)
      }
      await streams?.publish()
    },
  }
}
