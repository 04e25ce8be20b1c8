// A corpus's result that belongs to the running model and SAEs: their weights are compared, not their names.
import { UserError } from '../../cli/user-error.ts'
import { createProgress } from '../../cli/progress.ts'
import { layerOf } from '../../models/hooks.ts'
import { findModel, type ModelSource } from '../../models/model-source.ts'
import type { SourceOptions } from '../../models/source-options.ts'
import { hashWeights } from '../../models/weights-hash.ts'
import { openCorpus, type Corpus } from './corpus-node.ts'
import type { Manifest } from './corpus-format.ts'

/** A corpus that has been checked. */
export interface CorpusOfModel extends Corpus {
  /** What it is, and which layers it lacks, for a result's provenance. */
  readonly description: string
  /** Which of the requested layers it lacks. */
  readonly missing: readonly number[]
}

interface Wanted extends SourceOptions {
  readonly model: string
  /** The rows of the features that have cards. */
  readonly hooks: readonly string[]
  readonly quiet: boolean
}

/** @throws UserError if it was made with other weights of the model or of an SAE, or has none of the hooks */
export async function openCorpusOf(folder: string, wanted: Wanted): Promise<CorpusOfModel> {
  const corpus = await openCorpus(folder)
  const { manifest } = corpus
  const there = manifest.layers.map(({ hook }) => hook)
  const common = wanted.hooks.filter((hook) => there.includes(hook))
  if (common.length === 0)
    throw new UserError(
      `--corpus ${folder}: it has no ${wanted.hooks.join(', ')}; it has ${there.join(', ')}: make it with npm run corpus`,
    )
  const source = await findModel(wanted.model, { ...wanted, quiet: true })
  await checkWeights(folder, manifest, source, common, wanted.quiet)
  const missing = wanted.hooks.filter((hook) => !there.includes(hook)).map(layerOf)
  const { tokens, documents } = manifest.texts
  const description =
    `${folder}: ${tokens} tokens of ${documents} documents` +
    (missing.length > 0
      ? `; it has no layer ${missing.join(', ')}: cards of such a layer show only these texts`
      : '')
  return { ...corpus, description, missing }
}

async function checkWeights(
  folder: string,
  manifest: Manifest,
  source: ModelSource,
  hooks: readonly string[],
  quiet: boolean,
): Promise<void> {
  const total = hooks.length + 1
  using progress = createProgress({ label: 'checking the weights of --corpus', total, unit: 'files', quiet })
  const sha256 = await hashWeights(await source.weights())
  progress.step()
  if (sha256 !== manifest.model_sha256)
    throw new UserError(
      `--corpus ${folder}: it was made with the model ${manifest.model}, weights ${short(manifest.model_sha256)}, not with ${source.name}, ` +
        `weights ${short(sha256)}: name that model with --model, or make the corpus again with this one`,
    )
  for (const hook of hooks) {
    const own = await hashWeights(await source.saes.get(hook)!.weights())
    progress.step()
    const made = manifest.layers.find((layer) => layer.hook === hook)!.sha256
    if (own !== made)
      throw new UserError(
        `--corpus ${folder}: its SAE of ${hook} has the weights ${short(made)}, this one ${short(own)}: name that SAE with --saes, or make ` +
          'the corpus again with this one',
      )
  }
}

const short = (sha256: string): string => sha256.slice(0, 12)
