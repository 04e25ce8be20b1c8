// What a task is: work of an op that is cut into chunks, which any thread can take.
import type { Kernels } from '../instance.ts'

/**
 * A task is given the op's numbers, as the op's host function wrote them, and the number of a chunk. Which thread
 * computes a chunk never changes a bit of it.
 */
export type Task = (kernels: Kernels, args: Float64Array, chunk: number, scratch: number) => void
