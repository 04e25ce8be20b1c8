// How numbers get to a GPU.
import type { Matrix, Thread } from './kernel.ts'

/** The simplest kernel: each thread reads one number of x and returns it. It is how numbers get to a GPU and stay there. */
export function copy(this: Thread, x: Matrix): number {
  return x[this.thread.y][this.thread.x]
}
