// The options of `npm run corpus`.
import { Option } from 'commander'
import { createCommand, integerIn, listOf } from '../../lab/cli/cli.ts'
import { addEngineOptions, type EngineOptions } from '../../lab/models/engine-options.ts'
import { MOST_SHARD_TOKENS } from './job.ts'

export interface Options extends EngineOptions {
  readonly texts: string
  readonly layers?: readonly number[]
  readonly out: string
  readonly textColumn: string
  readonly labelColumn: string
  readonly seed: number
  readonly shardTokens: number
  readonly strict?: boolean
  readonly store?: readonly string[]
  readonly saedashboard?: boolean
  readonly queue?: string
  readonly root: string
  readonly json?: boolean
}

export const command = addEngineOptions(
  createCommand(
    'corpus',
    'what SAE features fire on in a corpus of any size, with an index to look them up in',
  ),
)
  .requiredOption(
    '--texts <path>',
    'a folder, or a .txt, .jsonl, .csv, .tsv, .json or .parquet file, or the address of a .parquet file (required)',
  )
  .option(
    '--layers <list>',
    'layers whose SAEs are read (default: all)',
    listOf('layers', integerIn('layer', 0)),
  )
  .requiredOption('--out <folder>', 'the folder to write, or to continue in (required)')
  .option('--text-column <name>', 'the column, or JSON key, that holds a document’s text', 'text')
  .option('--label-column <name>', 'the column, or JSON key, that holds its label, if it has one', 'category')
  .option(
    '--seed <n>',
    'the seed that decides which examples are drawn',
    integerIn('seed', 0, 2 ** 32 - 1),
    0,
  )
  .option(
    '--shard-tokens <n>',
    'tokens per shard; after each shard the work so far is saved',
    integerIn('shard-tokens', 1, MOST_SHARD_TOKENS),
    131_072,
  )
  .option('--strict', 'refuse bad input, which is otherwise counted and listed')
  .addOption(
    new Option(
      '--store [list]',
      'also keep, for each token: features (the default), those that fire, for npm run analyse; a hook’s name, its ' +
        'activations, for npm run train-sae',
    )
      .argParser(listOf('store'))
      .preset('features'),
  )
  .option(
    '--saedashboard',
    'also write the features as SAEDashboard’s JSON: OUT/saedashboard/LAYER/batch-N.json',
  )
  .option(
    '--queue <address>',
    'let `npm run corpus:worker` do the work, on any number of machines, through Redis: redis://HOST[:PORT][/DATABASE], or rediss://',
  )
  .option(
    '--root <folder>',
    'with --queue: the folder that all machines share, which holds the texts and the results',
    '.',
  )
  .addHelpText(
    'after',
    `
Documents: each .txt file is one, labelled by the folder it is in; so is each line of a .jsonl file and each row of a table. They are cut
into windows as long as the model’s context, without overlap, each preceded by a BOS, which never counts.

The same command continues a run that was stopped, by Ctrl-C or worse, and its result equals that of an uninterrupted run,
bit for bit. Texts, weights, options or code other than those it was started with are refused.

Written to OUT: index.html (features by token, by text, by density), features.parquet, examples.parquet, layers.parquet,
manifest.json (hashes of model, SAEs and texts, the code’s version), bad-input.csv where there was any.

Examples:
  npm run corpus -- --texts corpus/ --model tiny --layers 2,4 --out results/corpus/mine
  npm run feature -- --layer 2 --feature 12 --corpus results/corpus/mine`,
  )
  .parse()
