// The first SAEs (Cunningham et al. 2023, Bricken et al. 2023): f = ReLU(x W_enc + b_enc)
import type { Architecture } from './architecture.ts'

export const standard: Architecture = {
  vectors: ['b_enc'],
  encoder: (ops, tensor) => ops.prepareEncoder(tensor('W_enc'), tensor('b_enc')),
}
