/*
 * Gated (Rajamanoharan et al. 2024a): one map says whether a feature is active, another how strongly.
 *
 *     gate = x W_enc + b_gate > 0          f = gate * ReLU(x W_enc * exp(r_mag) + b_mag)
 *
 * Both share W_enc, so that the gate is a threshold on the magnitude m = x W_enc * exp(r_mag) + b_mag (the paper's section 3.2):
 *
 *     x W_enc + b_gate > 0     if and only if     m > b_mag - exp(r_mag) * b_gate
 */
import { Tensor } from '../../engine/tensor.ts'
import { scaledColumns } from '../../engine/weights/scaled.ts'
import { readTensor, sourceOf } from '../../engine/weights/weights.ts'
import type { Architecture } from './architecture.ts'

export const gated: Architecture = {
  vectors: ['b_gate', 'r_mag', 'b_mag'],
  encoder: async (ops, tensor) => {
    const [b_gate, r_mag, b_mag] = await Promise.all(
      ['b_gate', 'r_mag', 'b_mag'].map(async (name) => (await readTensor(tensor(name))).data),
    )
    const scale = r_mag.map(Math.exp)
    const threshold = b_mag.map((magnitude, j) => magnitude - scale[j] * b_gate[j])
    return ops.prepareEncoder(scaledColumns(tensor('W_enc'), scale), tensor('b_mag'), {
      keep: 'above',
      threshold: sourceOf('the gate', new Tensor([threshold.length], threshold)),
    })
  },
}
