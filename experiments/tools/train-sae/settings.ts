// What decides a training: all of it is in the checkpoint.
import type { Checkpoint } from '../../lab/models/checkpoint.ts'
import type { TRAINED, TrainingSettings } from '../../../sae/train/training.ts'

export interface Settings {
  readonly hook: string
  readonly architecture: (typeof TRAINED)[number]
  readonly dSae: number
  /** How many tokens it is trained on, those of repeated texts counted each time. */
  readonly tokens: number
  /** Tokens a step. */
  readonly batch: number
  /** Tokens that wait in the pool. */
  readonly buffer: number
  readonly rate: number
  /** Of a standard SAE. */
  readonly l1: number
  /** Of a TopK SAE: how many features it keeps. */
  readonly k: number
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
  /** Batches of passages that were read. */
  readonly position: number
  /** What activations are multiplied by. */
  readonly scale: number
  readonly history: readonly Point[]
}

export const FORMAT = 'clearbox train-sae 1'

/** Tokens that may pass before a feature that was active on none of them is called dead. */
export const DEAD_AFTER = 100_000

export function stepsOf({ tokens, batch }: Settings): number {
  return Math.ceil(tokens / batch)
}

/** The rate rises over the first twentieth of the steps and falls over the last fifth; the L1 cost rises over the first tenth. */
export function trainingSettings(settings: Settings): TrainingSettings {
  const steps = stepsOf(settings)
  return {
    ...{ rate: settings.rate, steps, warmUp: Math.ceil(steps / 20), decay: Math.floor(steps / 5) },
    ...{ l1: settings.l1, l1WarmUp: Math.ceil(steps / 10), deadAfter: DEAD_AFTER },
  }
}
