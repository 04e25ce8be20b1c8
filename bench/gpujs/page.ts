// Runs in the browser: one backend's cases, started and called by bench/gpujs.ts.
import type { Runner } from '../side-by-side.ts'
import { startRunner } from './runner.ts'

let runner: Runner<string>

/** -> what computes. @throws if it cannot run here, saying why */
export async function start(...inputs: Parameters<typeof startRunner>): Promise<string> {
  runner = await startRunner(...inputs)
  return runner.mode
}

export const verify = (name: string): Promise<void> => runner.verify(name)
export const time = (ms: number): Promise<number[]> => runner.time(ms)
