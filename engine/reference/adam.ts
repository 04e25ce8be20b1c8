import type { AdamStep } from '../backward.ts'
import type { Tensor } from '../tensor.ts'

/**
 * m = beta1 m + (1 - beta1) g and v = beta2 v + (1 - beta2) g^2, running means that begin at 0, hence divided by 1 - beta^t;
 * w = w - rate (weightDecay w + (m / (1 - beta1^t)) / (sqrt(v / (1 - beta2^t)) + eps)). g, m and v are [in, out] where w
 * is stored turned, [out, in]: `turned` is then `in`.
 */
export function adamW(
  w: Tensor,
  g: Tensor,
  { m, v }: { readonly m: Tensor; readonly v: Tensor },
  { t, rate, beta1, beta2, eps, weightDecay, scale }: AdamStep,
  turned?: number,
): void {
  const outputs = g.shape[g.shape.length - 1]
  for (let i = 0; i < g.data.length; i++) {
    const slope = g.data[i] * scale
    m.data[i] = beta1 * m.data[i] + (1 - beta1) * slope
    v.data[i] = beta2 * v.data[i] + (1 - beta2) * slope ** 2
    const [mean, square] = [m.data[i] / (1 - beta1 ** t), v.data[i] / (1 - beta2 ** t)]
    const at = turned ? (i % outputs) * turned + Math.floor(i / outputs) : i
    w.data[at] -= rate * (weightDecay * w.data[at] + mean / (Math.sqrt(square) + eps))
  }
}
