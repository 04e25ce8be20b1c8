// The settings that decide a training; the checkpoint holds all of them.
import type { TrainingSettings } from '../../../gpt2/train/training.ts'
import type { Checkpoint } from '../../lab/models/checkpoint.ts'

export interface Settings {
  /** The model's config.json. */
  readonly config: string
  /** The folder whose tokenizer it has; GPT-2's if left out. */
  readonly tokenizer?: string
  /** How many tokens it is trained on, those of repeated texts counted each time. */
  readonly tokens: number
  /** Passages a step. */
  readonly batch: number
  readonly rate: number
  readonly weightDecay: number
  readonly seed: number
}

/** A point on the curves of the report. */
export interface Point {
  readonly tokens: number
  /** Of the batch, in nats per token. */
  readonly loss: number
  /** Of passages of the texts held out, where it was measured. */
  readonly heldOut?: number
}

/** `tensors`: what Gpt2Training saves. */
export interface Gpt2Checkpoint extends Checkpoint {
  readonly settings: Settings
  readonly steps: number
  readonly history: readonly Point[]
}

export const FORMAT = 'clearbox train 1'

/** The rate rises over the first twentieth of the steps, and falls along a cosine to a tenth. Gradients are clipped to 1. */
export function trainingSettings({ rate, weightDecay }: Settings, steps: number): TrainingSettings {
  const warmUp = Math.ceil(steps / 20)
  const fall = { decay: steps - warmUp, least: 0.1, shape: 'cosine' } as const
  return { rate, weightDecay, steps, warmUp, ...fall, longest: 1 }
}
