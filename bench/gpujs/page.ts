// Runs in the browser: one backend's runner, started and called by bench/gpujs.ts.
import { Runner } from './runner.ts'

let runner: Runner | undefined

export async function start(backend: string, tokens: number, threads?: number): Promise<string> {
  runner = await Runner.start(backend, tokens, threads)
  return runner.ops.mode
}

function started(): Runner {
  if (!runner) throw new Error('the page was asked to work before start()')
  return runner
}

export const verify = (name: string): Promise<void> => started().verify(name)
export const time = (name: string, ms: number): Promise<number[]> => started().time(name, ms)
