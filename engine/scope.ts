// Freeing memory when a scope ends, or when something cannot be prepared to its end.
import type { DeviceTensor } from './backend.ts'

/**
 * Runs `work`, which notes the memory that it takes in the set that it is given, and frees all of it except the memory of
 * its result (a tensor, or an array of them). That is noted in `made`, the set of the scope around it.
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

/**
 * Runs `work`, which passes everything it makes through `keep`, and frees all of it if the work fails: a half-loaded
 * model takes no memory.
 */
export async function freedOnFailure<Resource, Result>(
  free: (resource: Resource) => void,
  work: (keep: <Kept extends Resource>(resource: Kept) => Kept) => Promise<Result>,
): Promise<Result> {
  const made: Resource[] = []
  try {
    return await work((resource) => {
      made.push(resource)
      return resource
    })
  } catch (error) {
    for (const resource of made) free(resource)
    throw error
  }
}
