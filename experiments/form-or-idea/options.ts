// The options of `npm run form-or-idea`.
import { addLayerOptions, type LayerOptions } from '../lab/analysis/analysis-options.ts'
import { corpusOption } from '../lab/analysis/corpus/corpus-node.ts'
import { createCommand, integerIn, positiveInteger } from '../lab/cli/cli.ts'
import { addEngineOptions } from '../lab/models/engine-options.ts'
import { addResultOptions, verboseOption, type ExperimentOptions } from '../lab/run-experiment.ts'
import { longOption } from '../lab/texts/tokenize-texts.ts'

export interface Options extends ExperimentOptions, LayerOptions {
  readonly top: number
  readonly permutations: number
  readonly seed: number
}

export const command = addLayerOptions(
  addResultOptions(
    addEngineOptions(
      createCommand(
        'form-or-idea',
        'do features follow what a text says, or how it is written? Layer by layer',
      ),
    ),
    'form-or-idea',
  ),
)
  .addOption(verboseOption())
  .option('--top <k>', 'how many of each set’s strongest features are compared', positiveInteger('top'), 20)
  .option(
    '--permutations <n>',
    'how many times the labels are shuffled',
    integerIn('permutations', 1, 1e6),
    1000,
  )
  .option('--seed <n>', 'the seed of the shuffles', integerIn('seed', 0, 2 ** 32 - 1), 0)
  .addOption(longOption())
  .addOption(corpusOption())
  .addHelpText(
    'after',
    '\nExamples:\n  npm run form-or-idea\n  npm run form-or-idea -- --layers 2,4 --permutations 10000\n  npm run -s form-or-idea -- --json > results.json',
  )
  .parse()
