// The options of `npm start`.
import {
  addDrawOptions,
  addLayerOptions,
  textsOption,
  type LayerOptions,
  type TextOptions,
} from '../lab/analysis/analysis-options.ts'
import type { Draws } from '../lab/analysis/null-model.ts'
import { corpusOption } from '../lab/analysis/corpus/corpus-node.ts'
import { createCommand } from '../lab/cli/cli.ts'
import { addEngineOptions } from '../lab/models/engine-options.ts'
import { addResultOptions, verboseOption, type ExperimentOptions } from '../lab/run-experiment.ts'
import { longOption } from '../lab/texts/tokenize-texts.ts'
import type { QualityOptions } from './quality.ts'

export type Options = ExperimentOptions & TextOptions & LayerOptions & Draws & QualityOptions

export const command = addLayerOptions(
  addDrawOptions(
    addResultOptions(
      addEngineOptions(
        createCommand(
          'start',
          'the post’s analysis: which features stand for which kind of text, layer by layer',
        ),
      ),
      'black-box',
    ),
  )
    .addOption(verboseOption())
    .addOption(
      textsOption(
        'JSON (category -> texts), JSON lines, CSV or TSV (category,text), a folder of CATEGORY.txt, or the word published: the post’s own 70, fetched',
        'our own, seven categories of 20',
      ),
    ),
)
  .option(
    '--quality',
    'measure the quality of the SAEs on all texts (default: on some of them, where that is cheap)',
  )
  .option('--no-quality', 'do not measure it')
  .option(
    '--held-out <file>',
    'also measure it on a .txt file, whose paragraphs, separated by blank lines, are its documents',
  )
  .addOption(longOption())
  .addOption(corpusOption())
  .addHelpText(
    'after',
    '\nExamples:\n  npm start\n  npm start -- --texts mine.csv --layers 2,4 --threshold q99\n  npm -s start -- --json > results.json',
  )
  .parse()

const { heldOut, quality } = command.opts<Options>()
if (heldOut !== undefined && quality === false)
  command.error(
    'error: --held-out is measured, but --no-quality asks for no measuring: give only one of them',
  )
