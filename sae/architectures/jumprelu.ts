/*
 * JumpReLU (Rajamanoharan et al. 2024b): f = x W_enc + b_enc where that is above the feature's own threshold, else 0.
 *
 * BatchTopK (Bussmann et al. 2024) and Matryoshka SAEs (Bussmann et al. 2025) are saved as JumpReLU. They are trained to keep the
 * k B largest activations of a batch of B tokens; once trained, they use one threshold, the average over batches of the smallest one kept.
 */
import type { Architecture } from './architecture.ts'

export const jumprelu: Architecture = {
  vectors: ['b_enc', 'threshold'],
  encoder: (ops, tensor) =>
    ops.prepareEncoder(tensor('W_enc'), tensor('b_enc'), { keep: 'above', threshold: tensor('threshold') }),
}
