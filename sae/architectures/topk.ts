// TopK (Gao et al. 2024): the k largest of ReLU(x W_enc + b_enc), all others 0. L0 is k, or less where fewer are positive.
import type { Architecture } from './architecture.ts'

export const topk: Architecture = {
  vectors: ['b_enc'],
  hasK: true,
  encoder: (ops, tensor, k = 0) =>
    ops.prepareEncoder(tensor('W_enc'), tensor('b_enc'), { keep: 'largest', k }),
}
