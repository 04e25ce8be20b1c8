// What an SAE is trained on, and which texts it is measured on.
import type { SaeConfig } from '../../../sae/config.ts'
import { UserError } from '../../lab/cli/user-error.ts'
import { hashTexts } from '../../lab/models/checkpoint.ts'
import type { OpenModel } from '../../lab/models/models.ts'
import { describeSplit, splitTexts, type Ids } from '../../lab/texts/held-out.ts'
import { ModelSource } from './model-source.ts'
import type { Settings } from './settings.ts'
import { openStored, StoredSource } from './stored-source-node.ts'
import type { ActivationSource } from './train.ts'

interface Source {
  readonly sourceAt: (position?: number) => ActivationSource
  /** Texts that it is not trained on. */
  readonly measured: readonly Ids[]
  /** A hash of those that it is trained on. */
  readonly texts: string
  readonly described: string
}

interface Training {
  readonly model: OpenModel
  /** Of the model's weights. */
  readonly sha256: string
  readonly config: SaeConfig
  /** Of the texts given, with BOS. */
  readonly ids: readonly Ids[]
  readonly settings: Settings
}

/**
 * Activations that were stored, or what the model makes of texts.
 * @throws UserError if there are too few texts, or the store is not of this model and hook
 */
export async function sourceOf(
  { activations, texts }: { readonly activations?: string; readonly texts: string },
  { model, sha256, config, ids, settings: { hook, seed, tokens } }: Training,
): Promise<Source> {
  if (activations !== undefined) {
    const stored = await openStored(activations, hook, { name: model.name, sha256 })
    return {
      sourceAt: (position) => new StoredSource(model, config, stored, seed, position),
      measured: ids,
      texts: `store ${stored.sha256}`,
      described: `${stored.tokens} stored tokens, each read ${(tokens / stored.tokens).toFixed(1)} times; measured on the texts`,
    }
  }
  if (ids.length < 2) throw new UserError(`${texts}: expected two texts at least: one is held out`)
  const { training, heldOut } = splitTexts(ids, seed)
  return {
    sourceAt: (position) => new ModelSource(model, config, training, seed, position),
    measured: heldOut,
    texts: hashTexts(ids),
    described: describeSplit(training, heldOut, tokens),
  }
}
