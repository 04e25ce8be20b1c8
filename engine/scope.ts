// What a scope frees, on a backend that does not leave it to the garbage collector.
import type { DeviceTensor } from './backend.ts'

/**
 * Runs `work`, which notes in the set that it is given what memory it takes, and frees all of that but what its result
 * (a tensor, or an array of them) stands on: that is noted in `made`, the set of the scope around it.
 */
export async function runScope<Result, Memory extends { free(): void }>(
  made: Set<Memory>,
  memoryOf: (x: DeviceTensor) => Memory,
  work: (inside: Set<Memory>) => Promise<Result>,
): Promise<Result> {
  const [inside, kept] = [new Set<Memory>(), new Set<Memory>()]
  try {
    const result = await work(inside)
    const tensors = (Array.isArray(result) ? result : result ? [result] : []) as DeviceTensor[]
    for (const tensor of tensors) kept.add(memoryOf(tensor))
    return result
  } finally {
    for (const memory of inside)
      if (kept.has(memory)) made.add(memory)
      else memory.free()
  }
}
