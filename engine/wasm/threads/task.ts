// What a task is: the work of an op, cut into chunks that any thread can take.
import type { Kernels } from '../instance.ts'
import { KERNELS, type KernelName, type Names, type Numbers, type ParameterOf } from '../kernels.ts'

/** What a thread has: kernels, the memory they work on, and the address of its own scratch in it. */
export interface Thread {
  readonly kernels: Kernels
  readonly memory: WebAssembly.Memory
  readonly scratch: number
}

/** A thread, and the number of the chunk that it takes. */
export interface Turn extends Thread {
  readonly chunk: number
}

/** Which thread runs a chunk never changes a bit of what it computes. */
export interface Task<Name extends string = string> {
  /** The numbers that an op's host function passes to it. */
  readonly names: readonly Name[]
  run(args: Numbers<Name>, turn: Turn): void
}

/** A task and the names of its numbers, which stand with a space between. */
export function task<const List extends string>(
  names: List,
  run: (args: Numbers<Names<List>>, turn: Turn) => void,
): Task<Names<List>> {
  return { names: names.split(' ') as Names<List>[], run }
}

/** The part of a range that is chunk number `chunk`, when each has `perChunk`. */
export function partOf(
  { first = 0, last, perChunk }: { first?: number; last: number; perChunk: number },
  chunk: number,
): Numbers<'first' | 'last'> {
  const from = first + chunk * perChunk
  return { first: from, last: Math.min(last, from + perChunk) }
}

type RangeKernel = { [K in KernelName]: 'first' extends ParameterOf<K> ? K : never }[KernelName]

/**
 * The task of a kernel that works on a range: its numbers are the kernel's own, and a chunk is a part of the range.
 * `scratch`, where the kernel has one, is the thread's.
 */
export function ranged<K extends RangeKernel>(kernel: K): Task<ParameterOf<K> | 'perChunk'> {
  const names = [...Object.keys(KERNELS[kernel]), 'perChunk']
  return {
    names: names as (ParameterOf<K> | 'perChunk')[],
    run: (args, { kernels, chunk, scratch }) => kernels[kernel]({ ...args, ...partOf(args, chunk), scratch }),
  }
}
