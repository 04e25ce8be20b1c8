// What distinguishes the training of one kind of SAE from another: its loss.
import type { Selection } from '../../engine/selection.ts'
import type { ArchitectureName } from '../architectures/all.ts'
import type { BatchLoss, SaeGradients } from './loss.ts'

/** What the loss of a batch depends on beside weights and batch; an architecture reads what it has. */
export interface LossSettings {
  /** What activity costs now, times its length: standard and gated. */
  readonly l1: number
  /** What each active feature costs now: JumpReLU. */
  readonly l0: number
  /** How many features are kept per token; by BatchTopK, on average. */
  readonly k: number
  /** Of a Matryoshka SAE: widths of the prefixes that are SAEs, rising; the whole need not be among them. */
  readonly widths: readonly number[]
  /** Dead features, rising. */
  readonly dead: readonly number[]
}

export interface Architecture {
  /** The architecture that it is saved as and read by. */
  readonly savedAs: ArchitectureName
  /** What it has beside W_enc, W_dec and b_dec: [d_sae] each, the encoder's bias first, and the number that all of one begin with. */
  readonly vectors: Readonly<Record<string, number>>
  /** Vectors whose numbers are set to 0 where a step has left them below it. */
  readonly notBelowZero?: readonly string[]
  /** What its encoder keeps; left out: what is positive. */
  readonly selection?: (k: number) => Selection
  readonly hasK?: boolean
  /** One threshold for all features is learned on the side: see batchtopk.ts. */
  readonly learnsThreshold?: boolean
  readonly gradients: (loss: BatchLoss, settings: LossSettings) => Promise<SaeGradients>
}
