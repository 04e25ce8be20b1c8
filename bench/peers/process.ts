// One peer in a process of its own, because peers change globals that others look at (`Worker`) and set themselves up
// for the whole process (threads). remote.ts makes one call at a time and waits for its answer.
import { matmulRunner, type Problem } from '../matmul.ts'
import type { Runner } from '../side-by-side.ts'
import { everyone } from './all.ts'

let runner: Runner<Problem>

const calls = {
  /** Starts the peer of that name. -> what its rows say about it */
  start: async (name: string, backend: string, threads: number) => {
    const entry = everyone(backend, threads).find((one) => one.name === name)!
    const { prepare, ...peer } = await entry.start()
    const about = { ...peer, backend: name, work: entry.work }
    runner = matmulRunner(about, prepare)
    return about
  },
  verify: (problem: Problem) => runner.verify(problem),
  time: (ms: number) => runner.time(ms),
}

export type Calls = typeof calls
export interface Call<Name extends keyof Calls = keyof Calls> {
  readonly name: Name
  readonly inputs: Parameters<Calls[Name]>
}
export type Answer = { readonly result: unknown } | { readonly error: string }

process.on('message', ({ name, inputs }: Call) => {
  const call = calls[name] as (...inputs: unknown[]) => Promise<unknown>
  call(...inputs)
    .then(
      (result): Answer => ({ result }),
      (error: Error): Answer => ({ error: error.message }),
    )
    .then((answer) => process.send!(answer))
    .catch(() => process.exit(1))
})
process.on('disconnect', () => process.exit())
