// The options of `npm run ablation`.
import {
  layersOption,
  textsOption,
  thresholdOption,
  type LayerOptions,
  type TextOptions,
} from '../lab/analysis/analysis-options.ts'
import { createCommand, integerIn, numberIn, positiveInteger } from '../lab/cli/cli.ts'
import { addEngineOptions } from '../lab/models/engine-options.ts'
import { addResultOptions, verboseOption, type ExperimentOptions } from '../lab/run-experiment.ts'
import { longOption } from '../lab/texts/tokenize-texts.ts'

export interface Options extends ExperimentOptions, TextOptions, LayerOptions {
  readonly textsPerCategory?: number
  readonly random: number
  readonly strength: number
  readonly resamples: number
  readonly seed: number
  readonly generate?: string
  readonly tokens: number
  readonly specialists: number
}

/** Every tested feature takes two passes over every measured text: at full size that is minutes even with few texts. */
export const SMALL = { texts: 8 }
export const FULL_SIZE = { texts: 2, layers: 12 }

export const command = addResultOptions(
  addEngineOptions(
    createCommand(
      'ablation',
      'take specialists out of the residual stream, steer with them, and see what changes',
    ),
  ),
  'ablation',
)
  .addOption(verboseOption())
  .addOption(
    textsOption(
      'JSON (category -> texts), JSON lines, CSV or TSV (category,text) or a folder of CATEGORY.txt',
    ),
  )
  .addOption(layersOption('layers, e.g. 2,4 (default: three, spread over those with an SAE)'))
  .option(
    '--texts-per-category <n>',
    `how many texts of each category to measure on; features are chosen on all (default: ${SMALL.texts}; ${FULL_SIZE.texts} for models of ${FULL_SIZE.layers} layers and more)`,
    positiveInteger('texts-per-category'),
  )
  .option('--random <n>', 'random features beside each specialist', integerIn('random', 0, 100), 2)
  .option(
    '--strength <x>',
    'steering adds this many times the specialist’s mean contribution where it fires',
    numberIn('strength', 0, 1000),
    2,
  )
  .addOption(thresholdOption('as in npm start: a number or a quantile (default: 5; q98 for tiny)'))
  .option(
    '--generate <prompt>',
    'continue this prompt, which may be empty, with features turned off and up (default: for each feature, the start of a text in which it fires most)',
  )
  .option('--tokens <n>', 'how many tokens to write', positiveInteger('tokens'), 24)
  .option(
    '--specialists <n>',
    'how many specialists to write with, strongest first',
    integerIn('specialists', 0),
    3,
  )
  .option('--resamples <n>', 'bootstrap draws for each interval', positiveInteger('resamples'), 2000)
  .option('--seed <n>', 'the seed of all random draws', integerIn('seed', 0, 2 ** 31), 0)
  .addOption(longOption())
  .addHelpText(
    'after',
    '\nExamples:\n  npm run ablation\n  npm run ablation -- --layers 4 --random 8 --generate "import "\n  npm run -s ablation -- --json > results.json',
  )
  .parse()
