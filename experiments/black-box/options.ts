import { InvalidArgumentError, type Command } from 'commander'
import { integerIn, positiveInteger } from '../common/cli.ts'
import type { Draws } from './null-model.ts'
import { parseThreshold, type ThresholdSpec } from './threshold.ts'

/** The parser of `--threshold`: wrong usage, not a failure, where the text is no threshold. */
export function thresholdOption(text: string): ThresholdSpec {
  try {
    return parseThreshold(text)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}

/** Adds --permutations, --resamples and --seed: how much the statistics draw at random. */
export function addDrawOptions(command: Command): Command {
  return command
    .option(
      '--permutations <n>',
      'how often the categories are shuffled, to see what chance gives',
      positiveInteger('permutations'),
      1000,
    )
    .option(
      '--resamples <n>',
      'how often each category’s texts are drawn anew, for the intervals',
      positiveInteger('resamples'),
      1000,
    )
    .option('--seed <n>', 'decides all that is drawn at random', integerIn('seed', 0, 2 ** 32 - 1), 0)
}

/** The draws alone, of all options. */
export function drawsOf({ permutations, resamples, seed }: Draws): Draws {
  return { permutations, resamples, seed }
}
