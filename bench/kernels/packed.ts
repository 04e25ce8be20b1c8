// The fourth step: B packed into panels that the tile walks front to back.
/** Columns of B that lie side by side in a panel. */
const PANEL = 4

/** B [k, n] in panels of 4 columns, [ceil(n / 4)][k][4], missing columns zero. Done once, when the weight is loaded. */
export function pack(b: Float32Array, k: number, n: number): Float32Array {
  const panels = new Float32Array(Math.ceil(n / PANEL) * k * PANEL)
  for (let p = 0; p < k; p++)
    for (let j = 0; j < n; j++) panels[(Math.floor(j / PANEL) * k + p) * PANEL + (j % PANEL)] = b[p * n + j]
  return panels
}

/**
 * C = A x B from packed B. The tile is the same, but it reads B from one place, front to back, instead of four
 * rows far apart; and the loop over panels is outermost, so that a panel stays in the first cache for all rows of A.
 */
export function packed(
  a: Float32Array,
  panels: Float32Array,
  c: Float32Array,
  m: number,
  k: number,
  n: number,
) {
  for (let j = 0; j < n; j += PANEL) {
    const panel = panels.subarray(j * k, (j + PANEL) * k)
    const width = Math.min(PANEL, n - j)
    for (let i = 0; i < m; i += 2) {
      // an odd last row is computed twice rather than by code of its own
      const rows = [i, Math.min(i + 1, m - 1)]
      const sums = tile(a.subarray(rows[0] * k), a.subarray(rows[1] * k), panel, k)
      for (let r = 0; r < 2; r++) for (let s = 0; s < width; s++) c[rows[r] * n + j + s] = sums[r * PANEL + s]
    }
  }
}

const sums = new Float64Array(2 * PANEL)

/** Two rows of A times a panel. -> the 2 x 4 sums, valid until the next call */
function tile(a0: Float32Array, a1: Float32Array, panel: Float32Array, k: number): Float64Array {
  let [c00, c01, c02, c03, c10, c11, c12, c13] = [0, 0, 0, 0, 0, 0, 0, 0]
  for (let p = 0, q = 0; p < k; p++, q += PANEL) {
    const x0 = a0[p]
    const x1 = a1[p]
    const b0 = panel[q]
    const b1 = panel[q + 1]
    const b2 = panel[q + 2]
    const b3 = panel[q + 3]
    c00 += x0 * b0
    c01 += x0 * b1
    c02 += x0 * b2
    c03 += x0 * b3
    c10 += x1 * b0
    c11 += x1 * b1
    c12 += x1 * b2
    c13 += x1 * b3
  }
  sums.set([c00, c01, c02, c03, c10, c11, c12, c13])
  return sums
}
