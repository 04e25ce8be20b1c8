// The settings that decide a training; the checkpoint holds all of them.
import type { Checkpoint } from '../../lab/models/checkpoint.ts'
import { InvalidArgumentError } from 'commander'
import type { TrainedName } from '../../../sae/train/all.ts'
import type { TrainingSettings } from '../../../sae/train/training.ts'

export interface Settings {
  readonly hook: string
  readonly architecture: TrainedName
  readonly dSae: number
  /** How many tokens it is trained on, those of repeated texts counted each time. */
  readonly tokens: number
  /** Tokens a step. */
  readonly batch: number
  /** Tokens that wait in the pool. */
  readonly buffer: number
  readonly rate: number
  /** Of a standard and a gated SAE. */
  readonly l1: number
  /** Of a JumpReLU SAE. */
  readonly l0: number
  /** Of a TopK SAE and its kin: how many features it keeps. */
  readonly k: number
  /** Whether TopK and its kin choose by activation times |W_dec[j]|: SAELens' rescale_acts_by_decoder_norm. */
  readonly rescale: boolean
  /** Of a Matryoshka SAE: widths of its prefixes. */
  readonly widths: readonly number[]
  readonly seed: number
}

/** A point on the curves of the report. */
export interface Point {
  readonly tokens: number
  readonly loss: number
  readonly l0: number
  readonly explainedVariance: number
  readonly deadFeatures: number
}

/** `tensors`: what SaeTraining saves, and `pool`: the activations that wait. */
export interface SaeCheckpoint extends Checkpoint {
  readonly settings: Settings
  readonly steps: number
  /** BatchTopK's. */
  readonly threshold: number
  /** Batches of passages that were read. */
  readonly position: number
  /** What activations are multiplied by. */
  readonly scale: number
  readonly history: readonly Point[]
}

export const FORMAT = 'clearbox train-sae 2'

/** Tokens that may pass before a feature that was active on none of them is called dead. */
export const DEAD_AFTER = 100_000

export function stepsOf({ tokens, batch }: Settings): number {
  return Math.ceil(tokens / batch)
}

/** The rate rises over the first twentieth of the steps and falls over the last fifth; costs rise over the first tenth. */
export function trainingSettings(settings: Settings): TrainingSettings {
  const steps = stepsOf(settings)
  return {
    ...settings,
    ...{ steps, warmUp: Math.ceil(steps / 20), decay: Math.floor(steps / 5) },
    ...{ costWarmUp: Math.ceil(steps / 10), deadAfter: DEAD_AFTER },
  }
}

/** Every half of d_sae down to an eighth: what a Matryoshka SAE's prefixes are if nothing is said. */
export function halves(dSae: number): number[] {
  return [8, 4, 2].map((parts) => Math.floor(dSae / parts)).filter((width) => width > 0)
}

/** An option's parser: `64,256`, rising. */
export function widthsOf(text: string): number[] {
  const widths = text.split(',').map(Number)
  if (!widths.every((width, i) => Number.isSafeInteger(width) && width > (widths[i - 1] ?? 0)))
    throw new InvalidArgumentError(`widths: expected rising whole numbers such as 64,256, got '${text}'.`)
  return widths
}
