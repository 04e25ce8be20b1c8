// The second step: B stored by columns.
/** B [k, n] with rows and columns exchanged: [n, k]. Done once, when the weight is loaded. */
export function transpose(b: Float32Array, k: number, n: number): Float32Array {
  const bt = new Float32Array(n * k)
  for (let p = 0; p < k; p++) for (let j = 0; j < n; j++) bt[j * k + p] = b[p * n + j]
  return bt
}

/** C = A x B from B transposed: both operands of the inner loop now lie in memory in the order they are read. */
export function transposed(
  a: Float32Array,
  bt: Float32Array,
  c: Float32Array,
  m: number,
  k: number,
  n: number,
) {
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let sum = 0
      for (let p = 0; p < k; p++) sum += a[i * k + p] * bt[j * k + p]
      c[i * n + j] = sum
    }
}
