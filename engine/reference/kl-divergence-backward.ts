import { numbersLike, type Tensor } from '../tensor.ts'
import { softmaxRow } from './softmax.ts'

/**
 * y = the sum of p (log p - log q), p = softmax(a), q = softmax(b), so db = dy (q - p) and da = dy p (log p - log q - y).
 * dY [rows] -> [da, db], both [rows, width]
 */
export function klDivergenceBackward(dY: Tensor, a: Tensor, b: Tensor): [dA: Tensor, dB: Tensor] {
  const [dA, dB] = [dY.like(a.shape), dY.like(b.shape)]
  const [rows, width] = a.shape
  const [p, q] = [numbersLike(dY.data, width), numbersLike(dY.data, width)]
  for (let t = 0; t < rows; t++) {
    softmaxRow(a.row(t), p)
    softmaxRow(b.row(t), q)
    const surplus = (i: number): number => (p[i] === 0 ? 0 : Math.log(p[i]) - Math.log(q[i]))
    let divergence = 0
    for (let i = 0; i < width; i++) divergence += p[i] * surplus(i)
    for (let i = 0; i < width; i++) {
      dA.row(t)[i] = dY.data[t] * p[i] * (surplus(i) - divergence)
      dB.row(t)[i] = dY.data[t] * (q[i] - p[i])
    }
  }
  return [dA, dB]
}
