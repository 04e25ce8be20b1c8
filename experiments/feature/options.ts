// The options of `npm run feature`.
import { textsOption, type TextOptions } from '../lab/analysis/analysis-options.ts'
import { corpusOption } from '../lab/analysis/corpus/corpus-node.ts'
import { createCommand, integerIn, listOf } from '../lab/cli/cli.ts'
import { addEngineOptions } from '../lab/models/engine-options.ts'
import { addResultOptions, type ExperimentOptions } from '../lab/run-experiment.ts'
import { longOption } from '../lab/texts/tokenize-texts.ts'

export interface Options extends ExperimentOptions, TextOptions {
  readonly layer: number
  readonly feature: readonly number[]
}

export const command = addResultOptions(
  addEngineOptions(
    createCommand('feature', 'what a feature means: what it fires on, what it promotes, what is like it'),
  ),
  'feature',
)
  .requiredOption('--layer <n>', 'the layer of the SAE that it belongs to (required)', integerIn('layer', 0))
  .requiredOption(
    '--feature <list>',
    'its number, or several: 12,34 (required)',
    listOf('feature', integerIn('feature', 0)),
  )
  .addOption(
    textsOption(
      'as for npm start: JSON, JSON lines, CSV, TSV, a folder, or the word published',
      'those of npm start',
    ),
  )
  .addOption(longOption())
  .addOption(corpusOption())
  .addHelpText(
    'after',
    '\nExamples:\n  npm run feature -- --layer 4 --feature 12\n  npm run -s feature -- --layer 4 --feature 12,34 --json > features.json',
  )
  .parse()
