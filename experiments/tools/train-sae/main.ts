// How does an SAE learn its features? Trains one on a model's activations.
//   npm run train-sae -- --out mine/sae/layer3
//   npm run train-sae -- --texts corpus --hook blocks.5.hook_resid_pre --tokens 2M --out mine/sae/layer5
//   npm run train-sae -- --activations results/corpus/mine --hook blocks.3.hook_resid_pre --out mine/sae/layer3   what npm run corpus --store kept
//   npm run train-sae -- --resume --out mine/sae/layer3               after Ctrl-C
// Prints loss, L0 and explained variance as it goes; writes cfg.json, sae_weights.safetensors (SAELens') and report.html.
import { Option } from 'commander'
import { join } from 'node:path'
import { encodeSafetensors } from '../../../engine/weights/safetensors.ts'
import { memoryStore } from '../../../engine/weights/weights.ts'
import { plainConfig, type SaeConfig } from '../../../sae/config.ts'
import { saeJson, saeTensors } from '../../../sae/save.ts'
import { siteNames, siteOf } from '../../../sae/sites.ts'
import { trained as architectures, TRAINED } from '../../../sae/train/all.ts'
import { loadSae } from '../../../sae/weights.ts'
import {
  commandLine,
  createCommand,
  integerIn,
  numberIn,
  oneOf,
  positiveInteger,
  runMain,
  tokenCount,
} from '../../lab/cli/cli.ts'
import { print, printJson, printNote } from '../../lab/cli/print.ts'
import { formatTable } from '../../lab/cli/table.ts'
import { UserError } from '../../lab/cli/user-error.ts'
import { checkWritable, writeAllAtomically } from '../../lab/cli/write-node.ts'
import {
  checkCircumstances,
  checkpointToResume,
  removeCheckpoint,
  resumedSettings,
  writeCheckpoint,
} from '../../lab/models/checkpoint.ts'
import { addEngineOptions, withBackend, type EngineOptions } from '../../lab/models/engine-options.ts'
import { findModel } from '../../lab/models/model-source.ts'
import { openModel, type OpenModel } from '../../lab/models/models.ts'
import { provenanceOf } from '../../lab/models/provenance.ts'
import { measureSaes, type SaeEvaluation } from '../../lab/models/sae-quality.ts'
import { openWeights } from '../../lab/models/weight-files.ts'
import { arithmeticOf, hashWeights } from '../../lab/models/weights-hash.ts'
import { newRun } from '../../lab/report/published-node.ts'
import { firstTexts, type Ids } from '../../lab/texts/held-out.ts'
import { OWN_TEXTS, textsNamed } from '../../lab/texts/named-texts.ts'
import { namedAfter, tokenizeTexts } from '../../lab/texts/tokenize-texts.ts'
import { FORMAT, halves, widthsOf, type SaeCheckpoint, type Settings } from './settings.ts'
import { SOURCES, sourceTexts } from './source-texts-node.ts'
import { sourceOf } from './source.ts'
import { trainSae, type Trained } from './train.ts'
import { qualityRows, renderTrainingReport } from './training-page.ts'

/** Of the texts held out, as many as have so many tokens are measured. */
const MEASURED_TOKENS = 4096

interface Options extends EngineOptions, Settings {
  readonly texts: string
  readonly activations?: string
  readonly out: string
  readonly resume?: boolean
  readonly checkpoint: number
  readonly json?: boolean
}

const command = addEngineOptions(
  createCommand('train-sae', 'train a sparse autoencoder on a model’s activations'),
)
  .option('--hook <name>', `the hook it reads: ${siteNames}`, 'blocks.3.hook_resid_pre')
  .addOption(
    new Option('--architecture <name>', 'the kind of SAE, in SAELens’ names')
      .argParser(oneOf('architecture', TRAINED))
      .default('standard'),
  )
  .option('--d-sae <n>', 'number of features', positiveInteger('d-sae'), 1024)
  .option(
    '--texts <path>',
    'texts, as for npm start: JSON, JSON lines, CSV, TSV, a folder of CATEGORY.txt, or the word published (default: our own 140); or the word sources: this project’s own files, some 3 MB',
    OWN_TEXTS,
  )
  .option(
    '--activations <folder>',
    'train on what npm run corpus --store HOOK kept, instead of running the model again; --texts are then only measured on',
  )
  .option(
    '--tokens <n>',
    'tokens to train on, such as 250k or 1M; texts, or stored activations, are repeated once all have been read',
    tokenCount('tokens'),
    1_000_000,
  )
  .option('--batch <n>', 'tokens per step', positiveInteger('batch'), 1024)
  .option(
    '--buffer <n>',
    'tokens in the buffer that batches are drawn from, at least one batch',
    tokenCount('buffer'),
    16_384,
  )
  .option('--rate <x>', 'the learning rate', numberIn('rate', 0, 1), 1e-3)
  .option(
    '--l1 <x>',
    'the cost of activity in a standard or gated SAE: the higher, the fewer features are active and the less they explain',
    numberIn('l1', 0, Infinity),
    2,
  )
  .option('--l0 <x>', 'the cost of each active feature in a JumpReLU SAE', numberIn('l0', 0, Infinity), 0.5)
  .option(
    '--k <n>',
    'how many features a TopK, BatchTopK or Matryoshka SAE keeps per token, on average',
    positiveInteger('k'),
    32,
  )
  .option('--rescale', 'these three choose by activation times |W_dec[j]|, which is SAELens’ default', false)
  .option(
    '--widths <list>',
    'Matryoshka: its first features, in these numbers, are SAEs by themselves (default: an eighth, a quarter and half of --d-sae)',
    widthsOf,
  )
  .option('--seed <n>', 'the seed of weights, order and batches', integerIn('seed', 0, 2 ** 32 - 1), 0)
  .option('--checkpoint <n>', 'tokens between checkpoints', tokenCount('checkpoint'), 100_000)
  .option('--resume', 'continue from the checkpoint in --out, with the options it was started with')
  .requiredOption('--out <folder>', 'the folder to write (required)')
  .addHelpText(
    'after',
    `
Loss of a batch: the mean over tokens of |x_hat - x|^2, where x is scaled so that its mean length is the root of its width, and
  standard             l1 * the sum of f_j |W_dec[j]|
  topk, batchtopk      an auxiliary loss by which dead features learn (saved as topk, and as jumprelu)
  matryoshka           the same, plus |x_hat - x|^2 for each of --widths (saved as jumprelu)
  jumprelu             l0 * the number of active features, with a straight-through slope for thresholds
  gated                l1 * the sum of the gate's activations, plus the error of what the gate alone rebuilds
SAELens’ definitions, written out in sae/train/. AdamW; gradients are clipped to 1. BOS is left out. A twentieth of the texts is held out; the first
${MEASURED_TOKENS} tokens of these are measured.

Stored activations are read from the disk as they are needed, in runs of neighbouring tokens that the seed draws from the whole corpus; none of
them is held out. They are stored as they are at the hook, and centred here if need be. Activations of other weights are refused.

A checkpoint holds everything that decides what comes next. A run that was stopped, by Ctrl-C or worse, and continued with --resume
gives the same bits as an uninterrupted one. Weights, texts or arithmetic other than it was started with are refused.

The SAE is written in SAELens’ format. Put it into a model’s folder as sae/NAME, and every command finds it:
  cp -r gpt2/tiny mine && npm run train-sae -- --model mine --hook blocks.3.hook_resid_pre --out mine/sae/layer3
  npm run feature -- --model mine --layer 3 --feature 7`,
  )
  .parse()

const options = command.opts<Options>()

runMain(async () => {
  const { out, resume, json: quiet } = options
  await checkWritable(join(out, 'cfg.json'))
  const from = await checkpointToResume<SaeCheckpoint>(out, FORMAT, resume)
  const settings = from ? resumedSettings(from.settings, command) : settingsOf(options)
  await withBackend(options, async (ops) => {
    const model = await openModel(options.model, ops, { ...options, quiet })
    const config = configFor(model, settings)
    const found =
      options.texts === SOURCES
        ? await sourceTexts(join(import.meta.dirname, '../../..'))
        : await textsNamed(options, { leastCategories: 1 })
    const texts = namedAfter(options.texts, found)
    const { ids, long } = tokenizeTexts(model, texts, 'split')
    const sha256 = await hashWeights(
      await (await findModel(options.model, { ...options, quiet: true })).weights(),
    )
    const read = await sourceOf(options, { model, sha256, config, ids, settings })
    const circumstances = { model: sha256, texts: read.texts, arithmetic: arithmeticOf(ops) }
    if (from) checkCircumstances(from.circumstances, circumstances)
    if (!quiet) printNote(read.described)
    const trained = await trainSae(ops, config, read.sourceAt, {
      ...{ settings, circumstances, from, quiet },
      every: Math.max(1, Math.round(options.checkpoint / settings.batch)),
      save: (checkpoint) => writeCheckpoint(out, FORMAT, checkpoint),
    })
    const saved = { ...config, scalesByDecoderNorm: false } // these weights have the norms in them
    const scaled = { ...saved, inputScale: trained.scale }
    const weights = await saeTensors(memoryStore('trained weights', trained.weights), scaled)
    await writeAllAtomically(out, {
      'sae_weights.safetensors': encodeSafetensors(weights),
      'cfg.json': saeJson(saved),
    })
    const qualities = await measured(model, saved, firstTexts(read.measured, MEASURED_TOKENS))
    const report = join(out, 'report.html')
    const provenance = {
      ...(await provenanceOf({ ...model, saeConfig: () => saved }, ops, [config.hookName], {
        threshold: 'none: a feature is active where it is above 0',
        seed: settings.seed,
        command: commandLine('train-sae', process.argv.slice(2)),
      })),
      ...{ pooling: 'none: each token counts by itself', long },
    }
    const page = { run: newRun(), provenance, settings, trained, qualities }
    await writeAllAtomically(out, { 'report.html': renderTrainingReport(page) })
    await removeCheckpoint(out)
    show(settings, trained, qualities, report)
  })
})

function settingsOf({
  hook,
  architecture,
  dSae,
  tokens,
  batch,
  buffer,
  rate,
  l1,
  l0,
  k,
  rescale,
  widths = halves(dSae),
  seed,
}: Partial<Pick<Options, 'widths'>> & Omit<Options, 'widths'>): Settings {
  if (buffer < batch)
    throw new UserError(`--buffer ${buffer}: expected at least the ${batch} tokens of a batch (--batch)`)
  if (architectures[architecture].hasK && k > dSae)
    throw new UserError(`--k ${k}: expected at most the ${dSae} features that there are (--d-sae)`)
  if (widths.some((width) => width > dSae))
    throw new UserError(
      `--widths ${widths.join()}: expected at most the ${dSae} features that there are (--d-sae)`,
    )
  return { hook, architecture, dSae, tokens, batch, buffer, rate, l1, l0, k, rescale, widths, seed }
}

/** @throws UserError if no SAE can be trained there */
function configFor({ name, gpt2 }: OpenModel, { hook, dSae, architecture, k, rescale }: Settings): SaeConfig {
  const { nLayers, dModel } = gpt2.config
  const site = siteOf(hook)
  if (!site || site.holds === 'normalized' || site.layer >= nLayers)
    throw new UserError(
      `--hook ${hook}: expected one of ${siteNames}, but ln2.hook_normalized; ${name} has blocks 0..${nLayers - 1}`,
    )
  const centered = site.holds === 'stream'
  const plain = plainConfig({ dIn: dModel, dSae, hookName: hook, centered, modelName: name })
  const { savedAs, hasK = false } = architectures[architecture]
  const config = { ...plain, architecture: savedAs, scalesByDecoderNorm: hasK && rescale }
  return savedAs === 'topk' ? { ...config, k } : config
}

/** The SAE as it was written, and the model's own of that hook where there is one, on the same texts. */
async function measured(
  model: OpenModel,
  config: SaeConfig,
  texts: readonly Ids[],
): Promise<Map<string, SaeEvaluation>> {
  const hook = config.hookName
  const openSae = async () => {
    const store = await openWeights(join(options.out, 'sae_weights.safetensors'))
    return loadSae(model.gpt2.ops, store, config).finally(() => store.close())
  }
  const qualities = new Map<string, SaeEvaluation>()
  const measure = async (name: string, model: Pick<OpenModel, 'gpt2' | 'openSae'>) =>
    qualities.set(name, (await measureSaes(model, texts, [hook])).get(hook)!)
  await measure('trained here', { gpt2: model.gpt2, openSae })
  if (model.saeHooks.includes(hook)) await measure(`that of ${model.name}`, model)
  return qualities
}

function show(
  settings: Settings,
  { tokensPerSecond, history }: Trained,
  qualities: ReadonlyMap<string, SaeEvaluation>,
  report: string,
): void {
  const { out, json } = options
  if (json)
    return printJson({ settings, out, tokensPerSecond, history, qualities: Object.fromEntries(qualities) }, 1)
  const { head, rows } = qualityRows(qualities)
  print(formatTable(head, rows))
  print(`${settings.tokens} tokens, ${Math.round(tokensPerSecond)} a second; written to ${out}`)
  print(`report: ${report}`)
}
