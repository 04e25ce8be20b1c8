import { InvalidArgumentError } from 'commander'
import { parseThreshold, type ThresholdSpec } from './threshold.ts'

/** The parser of `--threshold`: wrong usage, not a failure, where the text is no threshold. */
export function thresholdOption(text: string): ThresholdSpec {
  try {
    return parseThreshold(text)
  } catch (error) {
    throw new InvalidArgumentError((error as Error).message)
  }
}
