interface Kernel {
  thread: { x: number; y: number; z: number }
}

export function cell(this: Kernel, a: number[][], b: number[][], inner: number): number {
  let sum = 0
  for (let k = 0; k < inner; k++) sum += a[this.thread.y][k] * b[k][this.thread.x]
  return sum
}
