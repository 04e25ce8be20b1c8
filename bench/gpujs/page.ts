// Runs in the browser: one backend's runner, started and called by bench/gpujs.ts.
import type { SyntheticPrompt } from './prefill.ts'
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

/** Loads GPT-2 small and holds it to the float64 reference, which the page fetches. */
export async function loadModel(): Promise<void> {
  const response = await fetch('/test/reference/synthetic/reference.json')
  const { prompts } = (await response.json()) as { prompts: SyntheticPrompt[] }
  await started().loadModel(prompts.find(({ name }) => name === 'one')!)
}

export const verify = (name: string): Promise<void> => started().verify(name)
export const time = (name: string, ms: number): Promise<number[]> => started().time(name, ms)
