// Command-line options that several experiments share.
import { InvalidArgumentError, Option, type Command } from 'commander'
import { integerIn, listOf, positiveInteger } from '../cli/cli.ts'
import { OWN_TEXTS } from '../texts/named-texts.ts'
import type { Draws } from './null-model.ts'
import { parseThreshold, type ThresholdSpec } from './threshold.ts'

export interface TextOptions {
  readonly texts: string
}

export interface LayerOptions {
  readonly layers?: readonly number[]
  readonly threshold?: ThresholdSpec
}

/** --texts, our own by default. `ours`: what the help calls them, if not by their path */
export function textsOption(says: string, ours?: string): Option {
  return new Option('--texts <path>', says).default(OWN_TEXTS, ours)
}

export function layersOption(says: string): Option {
  return new Option('--layers <list>', says).argParser(listOf('layers', integerIn('layer', 0)))
}

/** --threshold. Text that is not a threshold is wrong usage, not a failure. */
export function thresholdOption(says: string): Option {
  return new Option('--threshold <t>', says).argParser((text) => {
    try {
      return parseThreshold(text)
    } catch (error) {
      throw new InvalidArgumentError((error as Error).message)
    }
  })
}

/** Adds --layers and --threshold, for experiments that look at every layer with an SAE. */
export function addLayerOptions(command: Command): Command {
  return command
    .addOption(layersOption('layers, e.g. 2,4 (default: all with an SAE; 6,8,10,11 at full size)'))
    .addOption(
      thresholdOption(
        'a number, or a quantile of the positive means of a layer such as q99 (default: 5; q98 for tiny)',
      ),
    )
}

/** Adds --permutations, --resamples and --seed: how much the statistics draw, and from which seed. */
export function addDrawOptions(command: Command): Command {
  return command
    .option(
      '--permutations <n>',
      'how many times the categories are shuffled, to see what chance alone would produce',
      positiveInteger('permutations'),
      1000,
    )
    .option(
      '--resamples <n>',
      'how many times each category’s texts are resampled, for the intervals',
      positiveInteger('resamples'),
      2000,
    )
    .option('--seed <n>', 'the seed of all random draws', integerIn('seed', 0, 2 ** 32 - 1), 0)
}

/** Only the draws, from all options. */
export function drawsOf({ permutations, resamples, seed }: Draws): Draws {
  return { permutations, resamples, seed }
}
