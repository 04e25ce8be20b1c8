export function product(a: Float32Array, b: Float32Array, m: number, k: number, n: number): Float32Array {
  const c = new Float32Array(m * n)
  for (let i = 0; i < m; i++) {
    let l = 0
    for (; l + 4 <= k; l += 4) {
      const [a0, a1, a2, a3] = a.subarray(i * k + l, i * k + l + 4)
      for (let j = 0; j < n; j++)
        c[i * n + j] +=
          a0 * b[l * n + j] + a1 * b[(l + 1) * n + j] + a2 * b[(l + 2) * n + j] + a3 * b[(l + 3) * n + j]
    }
    for (; l < k; l++) for (let j = 0; j < n; j++) c[i * n + j] += a[i * k + l] * b[l * n + j]
  }
  return c
}
