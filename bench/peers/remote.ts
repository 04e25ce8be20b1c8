// A peer that runs in another process (process.ts), as the frame wants it.
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Problem } from '../matmul.ts'
import type { Runner } from '../side-by-side.ts'
import type { Answer, Call, Calls } from './process.ts'

/** @throws if the library cannot run here, saying why */
export async function startInProcess(
  name: string,
  backend: string,
  threads: number,
): Promise<Runner<Problem>> {
  const script = fileURLToPath(new URL('process.ts', import.meta.url))
  // What a library prints is not part of the result.
  const child = fork(script, { serialization: 'advanced', stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  type Result<Name extends keyof Calls> = Awaited<ReturnType<Calls[Name]>>
  const ask = <Name extends keyof Calls>(call: Call<Name>) =>
    new Promise<Result<Name>>((resolve, reject) => {
      const died = (code: number | null, signal: string | null) =>
        reject(new Error(`${name}: its process ended with ${signal ?? `code ${code}`}`))
      child.once('exit', died)
      child.once('message', (answer: Answer) => {
        child.off('exit', died)
        if ('error' in answer) reject(new Error(answer.error))
        else resolve(answer.result as Result<Name>)
      })
      child.send(call)
    })
  const close = () => {
    if (child.connected) child.disconnect()
  }
  try {
    const about = await ask({ name: 'start', inputs: [name, backend, threads] })
    return {
      ...about,
      verify: (problem) => ask({ name: 'verify', inputs: [problem] }),
      time: (ms) => ask({ name: 'time', inputs: [ms] }),
      close,
    }
  } catch (error) {
    close()
    throw error
  }
}
