// The options of `npm run attribute`.
import { Option } from 'commander'
import { layersOption, type LayerOptions } from '../lab/analysis/analysis-options.ts'
import { createCommand, oneOf, positiveInteger } from '../lab/cli/cli.ts'
import { addEngineOptions } from '../lab/models/engine-options.ts'
import { addResultOptions, type ExperimentOptions } from '../lab/run-experiment.ts'
import { METHODS, type Method } from './methods.ts'

export interface Options extends ExperimentOptions, LayerOptions {
  readonly text: string
  readonly target?: string
  readonly against?: string
  readonly centred?: boolean
  readonly corrupted?: string
  readonly sort: Method
  readonly top: number
  readonly steps: number
  readonly ablate: number
}

export const command = addResultOptions(
  addEngineOptions(createCommand('attribute', 'which parts of the model make it say the next token')),
  'attribution',
)
  .requiredOption(
    '--text <text>',
    'the text whose next token is explained; in patching, the clean one (required)',
  )
  .option('--target <token>', 'the next token, with its space: " range" (default: the most probable one)')
  .option('--against <token>', 'explain how far the target’s logit is above this token’s')
  .option(
    '--centred',
    'explain how far the target’s logit is above the mean of all logits (TransformerLens’ center_unembed)',
  )
  .option(
    '--corrupted <text>',
    'a text with as many tokens: activations of the clean text are patched into it, place by place',
  )
  .addOption(layersOption('layers whose SAEs are read, e.g. 2,4 (default: all with an SAE)'))
  .addOption(
    new Option('--sort <column>', `the column that features are sorted by: ${METHODS.join(', ')}`)
      .argParser(oneOf('sort', METHODS))
      .default('ablation'),
  )
  .option('--top <n>', 'how many features, and places of patching, are shown', positiveInteger('top'), 20)
  .option('--steps <n>', 'steps of integrated gradients', positiveInteger('steps'), 10)
  .option(
    '--ablate <n>',
    'how many features of each layer are taken out, the most active first',
    positiveInteger('ablate'),
    256,
  )
  .addHelpText(
    'after',
    `
Every number is in logits, and positive where it favours the target. At BOS an SAE's features stay as they are and do not count.

Examples:
  npm run attribute -- --text "for i in" --target " range"
  npm run attribute -- --text "import numpy as" --target " n" --against " p" --corrupted "import pandas as"
  npm run -s attribute -- --text "for i in" --layers 3 --sort activation --json > attribution.json`,
  )
  .parse()
