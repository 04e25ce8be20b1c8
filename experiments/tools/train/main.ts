// How does a GPT-2 learn? Trains one on texts, from random numbers.
//   npm run train -- --texts corpus --out mine
//   npm run train -- --config config.json --tokenizer other --texts corpus --tokens 5M --out mine
//   npm run train -- --resume --texts corpus --out mine               after Ctrl-C
// Prints the loss as it goes; writes config.json, model.safetensors (Hugging Face's), the tokenizer's files and report.html.
import { join } from 'node:path'
import { encodeSafetensors } from '../../../engine/weights/safetensors.ts'
import {
  commandLine,
  createCommand,
  integerIn,
  numberIn,
  positiveInteger,
  runMain,
  tokenCount,
} from '../../lab/cli/cli.ts'
import { print, printJson, printNote } from '../../lab/cli/print.ts'
import { UserError } from '../../lab/cli/user-error.ts'
import { checkWritable, writeAllAtomically } from '../../lab/cli/write-node.ts'
import {
  checkCircumstances,
  checkpointToResume,
  hashTexts,
  removeCheckpoint,
  resumedSettings,
  writeCheckpoint,
} from '../../lab/models/checkpoint.ts'
import { arithmeticOf } from '../../lab/models/weights-hash.ts'
import { addEngineOptions, withBackend, type EngineOptions } from '../../lab/models/engine-options.ts'
import { tokenizeText } from '../../lab/models/models.ts'
import { versions } from '../../lab/models/provenance.ts'
import { newRun } from '../../lab/report/published-node.ts'
import { describeSplit, splitTexts } from '../../lab/texts/held-out.ts'
import { OWN_TEXTS, textsNamed } from '../../lab/texts/named-texts.ts'
import { namedAfter } from '../../lab/texts/tokenize-texts.ts'
import { configOf, newModel, type Sizes } from './model.ts'
import { FORMAT, type Gpt2Checkpoint, type Settings } from './settings.ts'
import { trainGpt2 } from './train.ts'
import { renderTrainingReport } from './training-page.ts'

interface Options extends Omit<EngineOptions, 'model'>, Omit<Settings, 'config'>, Sizes {
  readonly texts: string
  readonly out: string
  readonly resume?: boolean
  readonly checkpoint: number
  readonly json?: boolean
}

const command = addEngineOptions(createCommand('train', 'train a GPT-2 on texts, from random numbers'), {
  model: false,
})
  .option('--config <file>', 'the model’s sizes: a GPT-2’s config.json, in place of the next five options')
  .option('--layers <n>', 'number of layers', positiveInteger('layers'), 6)
  .option('--width <n>', 'd_model, the width of the residual stream', positiveInteger('width'), 128)
  .option('--heads <n>', 'attention heads; they divide the width between them', positiveInteger('heads'), 4)
  .option(
    '--context <n>',
    'positions: how many tokens it reads at once, BOS included',
    integerIn('context', 2, 2 ** 20),
    256,
  )
  .option(
    '--vocabulary <n>',
    'number of tokens: GPT-2’s first ones, and <|endoftext|> (default: 4097, as in the bundled model; with --tokenizer, what its config.json says)',
    positiveInteger('vocabulary'),
  )
  .option('--tokenizer <folder>', 'a folder with the tokenizer to use, such as a model’s (default: GPT-2’s)')
  .option(
    '--texts <path>',
    'texts, as for npm start: JSON, JSON lines, CSV, TSV, a folder of CATEGORY.txt, or the word published (default: our own 140)',
    OWN_TEXTS,
  )
  .option(
    '--tokens <n>',
    'tokens to train on, such as 250k or 1M; texts are repeated once all have been read',
    tokenCount('tokens'),
    1_000_000,
  )
  .option('--batch <n>', 'passages per step, each as long as the context', positiveInteger('batch'), 16)
  .option('--rate <x>', 'the highest learning rate', numberIn('rate', 0, 1), 2.5e-3)
  .option('--weight-decay <x>', 'AdamW’s weight decay, on all weights', numberIn('weight-decay', 0, 1), 0.01)
  .option('--seed <n>', 'the seed of weights and order', integerIn('seed', 0, 2 ** 32 - 1), 0)
  .option('--checkpoint <n>', 'tokens between checkpoints', tokenCount('checkpoint'), 500_000)
  .option('--resume', 'continue from the checkpoint in --out, with the options it was started with')
  .requiredOption('--out <folder>', 'the folder to write (required)')
  .addHelpText(
    'after',
    `
Texts are laid end to end, BOS between them, and cut into passages that begin with BOS. The loss is the mean cross entropy of all next
tokens. Weights begin as GPT-2’s did: normal with deviation 0.02, divided by sqrt(2 layers) where they add into the stream. AdamW has betas
0.9 and 0.999. The rate rises over the first twentieth of the steps and falls along a cosine to a tenth. Gradients are clipped to 1. There is
no dropout. A twentieth of the texts is held out.

A checkpoint holds everything that decides what comes next. A run that was stopped, by Ctrl-C or worse, and continued with --resume
gives the same bits as an uninterrupted one. Texts, settings or arithmetic other than it was started with are refused.

The model is written as a folder in Hugging Face’s format, which every command takes:
  npm run train -- --layers 2 --tokens 250k --out mine && npm run generate -- --model mine --prompt "The"`,
  )
  .parse()

const options = command.opts<Options>()

runMain(async () => {
  const { out, resume, json: quiet } = options
  await checkWritable(join(out, 'config.json'))
  const from = await checkpointToResume<Gpt2Checkpoint>(out, FORMAT, resume)
  const settings = from ? await resumed(from.settings) : await settingsOf(options)
  const { config, tokenizer, files } = await newModel(settings.config, settings.tokenizer)
  const texts = namedAfter(options.texts, await textsNamed(options, { leastCategories: 1 }))
  const ids = texts.map(({ text, name }) => tokenizeText(tokenizer, config, text, { name, anyLength: true }))
  if (ids.length < 2) throw new UserError(`${options.texts}: expected two texts at least: one is held out`)
  await withBackend(options, async (ops) => {
    const circumstances = { texts: hashTexts(ids), arithmetic: arithmeticOf(ops) }
    if (from) checkCircumstances(from.circumstances, circumstances)
    const split = splitTexts(ids, settings.seed)
    if (!quiet) printNote(describeSplit(split.training, split.heldOut, settings.tokens))
    const trained = await trainGpt2(ops, config, split, {
      ...{ settings, circumstances, from, quiet, every: options.checkpoint },
      save: (checkpoint) => writeCheckpoint(out, FORMAT, checkpoint),
    })
    const provenance = {
      ...{ model: out, backend: ops.name, mode: ops.mode, seed: String(settings.seed) },
      bos: `${tokenizer.pieces([config.bos!])[0]} before every passage and between texts`,
      command: commandLine('train', process.argv.slice(2)),
      version: await versions(),
    }
    await writeAllAtomically(out, {
      ...files,
      'model.safetensors': encodeSafetensors(trained.weights, new Map([['format', 'pt']])),
      'report.html': renderTrainingReport({ run: newRun(), provenance, config, settings, trained }),
    })
    await removeCheckpoint(out)
    const { weights, ...found } = trained
    if (quiet) return printJson({ settings, out, parameters: countOf(weights), ...found }, 1)
    print(
      `${countOf(weights)} parameters; ${settings.tokens} tokens, ${Math.round(found.tokensPerSecond)} a second`,
    )
    print(
      `loss on held-out texts: ${found.heldOut.toFixed(3)} nats per token (a uniform guess: ${Math.log(config.dVocab).toFixed(3)})`,
    )
    print(`written to ${out}\nreport: ${join(out, 'report.html')}`)
  })
})

/** The options that give the model's sizes, but for --config. */
const SIZES = ['layers', 'width', 'heads', 'context', 'vocabulary']
const isGiven = (name: string): boolean => command.getOptionValueSource(name) === 'cli'

async function settingsOf(given: Options): Promise<Settings> {
  const { tokenizer, tokens, batch, rate, weightDecay, seed } = given
  const size = SIZES.find(isGiven)
  if (given.config !== undefined && size !== undefined)
    throw new UserError(
      `--${size} beside --config: the file gives the model’s sizes; leave one of the two out`,
    )
  const config = await configOf(given)
  return { config, ...(tokenizer === undefined ? {} : { tokenizer }), tokens, batch, rate, weightDecay, seed }
}

/** The checkpoint's. @throws UserError if the command line says otherwise */
async function resumed({ config, ...saved }: Settings): Promise<Settings> {
  if (['config', ...SIZES].some(isGiven) && (await configOf(options)) !== config)
    throw new UserError(
      '--resume: this training was started with a model of other sizes: leave out the options for its sizes',
    )
  return { ...resumedSettings(saved, command), config }
}

function countOf(weights: ReadonlyMap<string, { readonly data: ArrayLike<number> }>): number {
  return [...weights.values()].reduce((sum, { data }) => sum + data.length, 0)
}
