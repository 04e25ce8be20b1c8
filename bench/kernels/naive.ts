/** C = A x B by its definition. The inner loop walks down a column of B: every step lands in another cache line. */
export function naive(a: Float32Array, b: Float32Array, c: Float32Array, m: number, k: number, n: number) {
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let sum = 0
      for (let p = 0; p < k; p++) sum += a[i * k + p] * b[p * n + j]
      c[i * n + j] = sum
    }
}
