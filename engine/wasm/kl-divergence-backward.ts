import type { Engine } from './engine.ts'
import type { Numbers } from './kernels.ts'

/**
 * dA = dY p (log p - log q - y) and dB = dY (q - p), where dA holds p = softmax(a) and dB holds q = softmax(b), all by address.
 * On one thread in plain loops: only attribution needs it.
 */
export function klDivergenceBackward(
  { arena }: Engine,
  { dY, dA, dB, rows, width }: Numbers<'dY' | 'dA' | 'dB' | 'rows' | 'width'>,
): void {
  const gradient = arena.floats(dY, rows)
  const surplus = new Float64Array(width) // log p - log q
  for (let row = 0; row < rows; row++) {
    const [p, q] = [dA, dB].map((address) => arena.floats(address + row * width * 4, width))
    let divergence = 0
    for (let i = 0; i < width; i++) {
      surplus[i] = p[i] === 0 ? 0 : Math.log(p[i]) - Math.log(q[i])
      divergence += p[i] * surplus[i]
    }
    for (let i = 0; i < width; i++) {
      const expected = p[i]
      p[i] = gradient[row] * expected * (surplus[i] - divergence)
      q[i] = gradient[row] * (q[i] - expected)
    }
  }
}
