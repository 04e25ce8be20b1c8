// From the shards' files to the result: tables, and the manifest that says what they were made of.
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { piecesOf } from '../../../../gpt2/pieces.ts'
import { bosOf } from '../../../../gpt2/config.ts'
import { decoderRows } from '../../../../sae/decoder.ts'
import type { Sae } from '../../../../sae/weights.ts'
import {
  CORPUS_FORMAT,
  type ExampleRow,
  type FeatureRow,
  type LayerRow,
  type Manifest,
} from '../../../lab/analysis/corpus/corpus-format.ts'
import { logitLens, streamDirections } from '../../../lab/analysis/features/directions.ts'
import { createProgress } from '../../../lab/cli/progress.ts'
import { UserError } from '../../../lab/cli/user-error.ts'
import { writeAllAtomically } from '../../../lab/cli/write-node.ts'
import { layerOf } from '../../../lab/models/hooks.ts'
import type { OpenModel } from '../../../lab/models/models.ts'
import { measureSaes } from '../../../lab/models/sae-quality.ts'
import { csv } from '../../../lab/report/csv.ts'
import type { Workbench } from '../run-shard.ts'
import { BLOCK, type ShardFile } from '../shard-file-node.ts'
import { BINS, binEdge } from '../tally/bins.ts'
import { emptyTally } from '../tally/tally.ts'
import { mergeShards, type MergedShards } from './merge.ts'
import { partnersFinder } from './partners.ts'
import {
  EXAMPLE_COLUMNS,
  exampleRows,
  FEATURE_COLUMNS,
  featureRow,
  LAYER_COLUMNS,
  type Lens,
} from './rows.ts'
import { TableWriter } from './table.ts'

interface ResultOptions {
  readonly folder: string
  readonly command: string
  readonly quiet: boolean
}

const DENSE = 0.1

/** Merges the shards and writes the tables, the manifest last. Holds one block of features at a time. */
export async function writeResult(
  bench: Workbench,
  shards: readonly ShardFile[],
  { folder, command, quiet }: ResultOptions,
): Promise<{ manifest: Manifest; layers: LayerRow[] }> {
  const { model, saes, job } = bench
  const merged = await mergeShards(shards, model.gpt2.config.nCtx)
  if (merged.tokens === 0)
    throw new UserError(`the corpus has no text; bad input: ${merged.faultCount}${worst(merged, job.files)}`)
  const hooks = saes.map(({ config }) => config.hookName)
  const measured = await measureSaes(modelWith(model, saes), merged.measured, hooks)
  const features = await TableWriter.open<FeatureRow>(join(folder, 'features.parquet'), FEATURE_COLUMNS)
  const examples = await TableWriter.open<ExampleRow>(join(folder, 'examples.parquet'), EXAMPLE_COLUMNS)
  const table = await TableWriter.open<LayerRow>(join(folder, 'layers.parquet'), LAYER_COLUMNS)
  const layers: LayerRow[] = []
  const pieces = piecesMaker(model)
  const blocks = saes.reduce((sum, { config }) => sum + Math.ceil(config.dSae / BLOCK), 0)
  using progress = createProgress({ label: 'merging', total: blocks, unit: 'blocks of features', quiet })
  for (const [index, sae] of saes.entries()) {
    const work = { bench, merged, features, examples, pieces, onBlock: () => progress.step() }
    const row = await writeLayer(work, index)
    const quality = measured.get(sae.config.hookName)!
    const { explained_variance, ce_clean, ce_spliced, ce_zero_ablated, ce_mean_ablated } = quality
    const { ce_recovered, ce_recovered_of_mean } = quality
    layers.push({
      ...{ ...row, measured_tokens: quality.tokens, explained_variance, ce_clean, ce_spliced },
      ...{ ce_zero_ablated, ce_mean_ablated, ce_recovered, ce_recovered_of_mean },
    })
    table.add(layers[index])
  }
  const tables = [features, examples, table]
  for (const one of tables) await one.finish()
  for (const one of tables) await one.publish()
  const manifest = manifestOf(bench, merged, shards, command)
  await writeAllAtomically(folder, {
    ...(merged.faultCount > 0 && { 'bad-input.csv': faultsCsv(merged, job.files) }),
    'manifest.json': `${JSON.stringify(manifest, null, 1)}\n`,
  })
  return { manifest, layers }
}

interface LayerWork {
  readonly bench: Workbench
  readonly merged: MergedShards
  readonly features: TableWriter<FeatureRow>
  readonly examples: TableWriter<ExampleRow>
  readonly pieces: (ids: Uint32Array) => string[]
  readonly onBlock: () => void
}

async function writeLayer({ bench, merged, features, examples, pieces, onBlock }: LayerWork, index: number) {
  const { model, saes, job } = bench
  const { dSae, hookName: hook } = saes[index].config
  const { tokens } = merged
  const partnersOf = partnersFinder(await merged.sampledPlaces(index), merged.sampled, dSae)
  const naming = {
    ...{ layer: layerOf(hook), hook, tokens, labels: merged.labels },
    files: job.files.map(({ name }) => name),
    pieces,
  }
  let [firings, dead, dense] = [0, 0, 0]
  for (let block = 0; block * BLOCK < dSae; block++, onBlock()) {
    const ids = Array.from({ length: Math.min(BLOCK, dSae - block * BLOCK) }, (_, i) => block * BLOCK + i)
    const tallies = new Map((await merged.block(index, block)).map((tally) => [tally.feature, tally]))
    const lenses = await lensesOf(model, saes[index], ids)
    for (const [i, feature] of ids.entries()) {
      const tally = tallies.get(feature) ?? emptyTally(feature)
      firings += tally.firings
      if (tally.firings === 0) dead++
      if (tally.firings > DENSE * tokens) dense++
      const rows = exampleRows(tally, naming)
      features.add(
        featureRow(tally, lenses[i], partnersOf(feature), { first: examples.length, rows }, naming),
      )
      for (const row of rows) examples.add(row)
    }
  }
  const row = { layer: naming.layer, hook, d_sae: dSae, tokens: BigInt(tokens), l0: firings / tokens }
  return { ...row, dead_features: dead, dense_features: dense }
}

/** `piecesOf`, which remembers the tokens that are whole characters: those are the same wherever they are. */
function piecesMaker({ tokenizer }: OpenModel): (ids: Uint32Array) => string[] {
  const whole = Array.from({ length: tokenizer.vocabularySize }, (_, id) => {
    const text = tokenizer.decode([id])
    return text.includes('\ufffd') ? undefined : text
  })
  return (ids) => {
    const pieces = Array.from(ids, (id) => whole[id])
    return pieces.every((piece) => piece !== undefined) ? pieces : piecesOf({ tokenizer }, [...ids])
  }
}

/** How many directions' logits exist at once: 51 MB for GPT-2. */
const LENSES_AT_ONCE = 128
const LISTED_TOKENS = 10

/** What each feature's direction promotes and suppresses, as `npm run feature` computes it. */
async function lensesOf(
  { gpt2, tokenizer }: OpenModel,
  sae: Sae,
  features: readonly number[],
): Promise<Lens[]> {
  const named = (tokens: readonly { id: number; logit: number }[]) =>
    tokens.map(({ id, logit }) => ({ id, logit, token: tokenizer.pieces([id])[0] }))
  const lenses: Lens[] = []
  for (let first = 0; first < features.length; first += LENSES_AT_ONCE) {
    const rows = await decoderRows(sae, features.slice(first, first + LENSES_AT_ONCE))
    const directions = await streamDirections(gpt2, sae, rows)
    for (const { promoted, suppressed } of await logitLens(gpt2, directions, LISTED_TOKENS))
      lenses.push({ promoted: named(promoted), suppressed: named(suppressed) })
  }
  return lenses
}

/** The model with SAEs that are already open, and stay open. */
function modelWith({ gpt2 }: OpenModel, saes: readonly Sae[]): Pick<OpenModel, 'gpt2' | 'openSae'> {
  return {
    gpt2,
    openSae: async (hook) => ({
      ...saes.find(({ config }) => config.hookName === hook)!,
      [Symbol.dispose]() {},
    }),
  }
}

function manifestOf(
  { model, job }: Workbench,
  merged: MergedShards,
  shards: readonly ShardFile[],
  command: string,
): Manifest {
  const texts = createHash('sha256')
  for (const { head } of shards) texts.update(head.texts)
  const { documents, windows, tokens, labels, labelTokens, sampled } = merged
  return {
    ...{ format: CORPUS_FORMAT, model: job.model.name, model_sha256: job.model.sha256 },
    layers: job.saes.map(({ hook, dSae, sha256 }) => ({ layer: layerOf(hook), hook, d_sae: dSae, sha256 })),
    texts: {
      files: job.files.map(({ name, bytes }) => ({ name, bytes })),
      ...{ sha256: texts.digest('hex'), documents, windows, tokens, bad_input: merged.faultCount },
    },
    labels: labels.map((label, i) => ({ label, tokens: labelTokens[i] })),
    sampled,
    bin_edges: Array.from({ length: BINS + 1 }, (_, bin) => binEdge(bin)),
    ...{ seed: job.seed, shard_tokens: job.shardTokens },
    ...(job.store.length > 0 && { store: { kept: [...job.store], shards: shards.length } }),
    bos: `${model.tokenizer.pieces([bosOf(model.gpt2.config)])[0]} before every window; it never counts`,
    ...{ code: job.code, arithmetic: job.arithmetic, command },
  }
}

/** The first of them, by name. */
function worst({ faults: [first] }: MergedShards, files: Workbench['job']['files']): string {
  return first === undefined ? '' : `: ${files[first.file].name}, row ${first.row}: ${first.fault}`
}

function faultsCsv({ faults }: MergedShards, files: Workbench['job']['files']): string {
  return csv(
    'file,row,fault',
    faults.map(({ file, row, fault }) => [files[file].name, row, fault]),
  )
}
