// What `npm run corpus` can be told.
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
  .requiredOption('--out <folder>', 'the folder to write, or to go on in (required)')
  .option('--text-column <name>', 'the column, or JSON key, that holds a document’s text', 'text')
  .option('--label-column <name>', 'the one that holds its label, where it has one', 'category')
  .option('--seed <n>', 'decides which examples are drawn', integerIn('seed', 0, 2 ** 32 - 1), 0)
  .option(
    '--shard-tokens <n>',
    'tokens after which what is done is kept',
    integerIn('shard-tokens', 1, MOST_SHARD_TOKENS),
    131_072,
  )
  .option('--strict', 'refuse bad input, which otherwise is counted and listed')
  .addOption(
    new Option(
      '--store [list]',
      'keep of each token, too: features, those that fire, for npm run analyse (if no list is given); a hook’s name, what ' +
        'stands there, for npm run train-sae',
    )
      .argParser(listOf('store'))
      .preset('features'),
  )
  .option(
    '--saedashboard',
    'write the features as SAEDashboard’s JSON, too: OUT/saedashboard/LAYER/batch-N.json',
  )
  .option(
    '--queue <address>',
    'have `npm run corpus:worker` work, on any number of machines, by way of a Redis: redis://HOST[:PORT][/DATABASE], or rediss://',
  )
  .option(
    '--root <folder>',
    'with --queue: the folder that all machines share, with texts and results in it',
    '.',
  )
  .addHelpText(
    'after',
    `
Documents: a .txt is one, labelled by the folder it lies in; a line of .jsonl, a row of a table are one each. They are cut into windows of
the model’s context, none overlapping, each with a BOS before it, which never counts.

A run that was stopped, by Ctrl-C or worse, goes on by the same command, and its result equals that of a run that was not,
bit for bit. Other texts, weights, options or code than it was begun with are refused.

Written to OUT: index.html (features by token, by text, by density), features.parquet, examples.parquet, layers.parquet,
manifest.json (hashes of model, SAEs and texts, the code’s version), bad-input.csv where there was any.

Examples:
  npm run corpus -- --texts corpus/ --model tiny --layers 2,4 --out results/corpus/mine
  npm run feature -- --layer 2 --feature 12 --corpus results/corpus/mine`,
  )
  .parse()
