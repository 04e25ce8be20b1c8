// How often WebGPU is handed work, and how often numbers come back from it.
import type { GpuUse } from '../rows.ts'

export type GpuCalls = Pick<GpuUse, 'submissions' | 'read_backs'>

/** What `work` asks of WebGPU, counted at its own functions: nothing that reaches a GPU is missed. */
export async function countGpuCalls(work: () => Promise<unknown>): Promise<GpuCalls> {
  const submissions = watch(GPUQueue.prototype, 'submit')
  const readBacks = watch(GPUBuffer.prototype, 'mapAsync')
  try {
    await work()
  } finally {
    submissions.end()
    readBacks.end()
  }
  return { submissions: submissions.calls, read_backs: readBacks.calls }
}

/** Counts the calls of a method until `end`. */
function watch(owner: object, name: string) {
  const method = Reflect.get(owner, name) as (...inputs: unknown[]) => unknown
  const watched = { calls: 0, end: () => Reflect.set(owner, name, method) }
  Reflect.set(owner, name, function (this: unknown, ...inputs: unknown[]) {
    watched.calls++
    return Reflect.apply(method, this, inputs)
  })
  return watched
}
