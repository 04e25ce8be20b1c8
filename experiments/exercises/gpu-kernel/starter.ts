/** What gpu.js gives a kernel: which number of the output this thread computes. */
interface Kernel {
  thread: { x: number; y: number; z: number }
}

/**
 * One number of C = A B: the one in row this.thread.y and column this.thread.x. A has rows of `inner` numbers, and B has `inner` rows.
 * gpu.js runs this function once for each number of C, on a GPU at the same time.
 */
export function cell(this: Kernel, a: number[][], b: number[][], inner: number): number {
  return a[this.thread.y][0] + b[0][this.thread.x] + inner
}
