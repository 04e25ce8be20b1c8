/**
 * C = A x B from B transposed, a tile of 2 rows by 4 columns at a time: 6 numbers are loaded for 8
 * multiplications instead of 16, and 8 sums that do not wait for each other keep the adders busy.
 */
export function tiled(a: Float32Array, bt: Float32Array, c: Float32Array, m: number, k: number, n: number) {
  for (let i = 0; i < m; i += 2)
    for (let j = 0; j < n; j += 4)
      if (i + 2 <= m && j + 4 <= n) tile(a, bt, c, i, j, k, n)
      else edge(a, bt, c, i, j, m, k, n)
}

function tile(
  a: Float32Array,
  bt: Float32Array,
  c: Float32Array,
  i: number,
  j: number,
  k: number,
  n: number,
) {
  let [c00, c01, c02, c03, c10, c11, c12, c13] = [0, 0, 0, 0, 0, 0, 0, 0]
  for (let p = 0; p < k; p++) {
    const a0 = a[i * k + p]
    const a1 = a[(i + 1) * k + p]
    const b0 = bt[j * k + p]
    const b1 = bt[(j + 1) * k + p]
    const b2 = bt[(j + 2) * k + p]
    const b3 = bt[(j + 3) * k + p]
    c00 += a0 * b0
    c01 += a0 * b1
    c02 += a0 * b2
    c03 += a0 * b3
    c10 += a1 * b0
    c11 += a1 * b1
    c12 += a1 * b2
    c13 += a1 * b3
  }
  c.set([c00, c01, c02, c03], i * n + j)
  c.set([c10, c11, c12, c13], (i + 1) * n + j)
}

/** The partial tiles at the right and lower edges. */
function edge(
  a: Float32Array,
  bt: Float32Array,
  c: Float32Array,
  i0: number,
  j0: number,
  m: number,
  k: number,
  n: number,
) {
  for (let i = i0; i < Math.min(i0 + 2, m); i++)
    for (let j = j0; j < Math.min(j0 + 4, n); j++) {
      let sum = 0
      for (let p = 0; p < k; p++) sum += a[i * k + p] * bt[j * k + p]
      c[i * n + j] = sum
    }
}
