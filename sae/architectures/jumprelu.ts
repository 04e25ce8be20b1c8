/*
 * JumpReLU (Rajamanoharan et al. 2024b): f = x W_enc + b_enc where that is above the feature's own threshold, else 0.
 *
 * BatchTopK (Bussmann et al. 2024) and Matryoshka SAEs (Bussmann et al. 2025) are saved as this: trained to keep the k B
 * largest of a batch of B tokens, they use one threshold, the smallest activation that batches kept on average.
 */
import type { Architecture } from './architecture.ts'

export const jumprelu: Architecture = {
  vectors: ['b_enc', 'threshold'],
  encoder: (ops, tensor) =>
    ops.prepareEncoder(tensor('W_enc'), tensor('b_enc'), { keep: 'above', threshold: tensor('threshold') }),
}
