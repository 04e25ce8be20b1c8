// What distinguishes one kind of SAE from another: its encoder, and what it rebuilds.
import type { Backend, Encoder } from '../../engine/backend.ts'
import type { WeightSource } from '../../engine/weights/weights.ts'

export interface Architecture {
  /** The encoder's tensors beside W_enc [d_in, d_sae], under SAELens' names; each is [d_sae]. */
  readonly vectors: readonly string[]
  /** It keeps the k largest: the config says how many. */
  readonly hasK?: boolean
  /** It rebuilds a different hook from the one it reads. */
  readonly transcodes?: boolean
  /** Its output has a linear part, x W_skip^T, which bypasses the features. W_skip [d_out, d_in] */
  readonly skips?: boolean
  /** x [tokens, d_in], already normalised and with b_dec subtracted -> sparse features [tokens, d_sae] */
  readonly encoder: (ops: Backend, tensor: (name: string) => WeightSource, k?: number) => Promise<Encoder>
}
