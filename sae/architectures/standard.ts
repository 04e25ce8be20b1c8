// The first SAEs (Cunningham et al. 2023, Bricken et al. 2023): f = ReLU((x - b_dec) W_enc + b_enc). b_dec is already subtracted
// from what comes here (encoder.ts). An encoder that is given no other selection keeps what is positive: that is the ReLU.
import type { Architecture } from './architecture.ts'

export const standard: Architecture = {
  vectors: ['b_enc'],
  encoder: (ops, tensor) => ops.prepareEncoder(tensor('W_enc'), tensor('b_enc')),
}
