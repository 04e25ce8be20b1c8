import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Problem } from '../matmul.ts'
import type { PeerEntry } from './peer.ts'
import type { Answer, Request } from './process.ts'

/** A peer that runs in another process: see process.ts. */
export class RemotePeer {
  readonly entry: PeerEntry
  mode = ''
  threads = 1
  readonly #child: ChildProcess

  private constructor(entry: PeerEntry) {
    this.entry = entry
    const script = fileURLToPath(new URL('process.ts', import.meta.url))
    // What a library prints is no part of the result.
    this.#child = fork(script, { serialization: 'advanced', stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
  }

  /** @throws if the library cannot run here, saying why */
  static async start(entry: PeerEntry, options: { backend: string; threads: number }): Promise<RemotePeer> {
    const peer = new RemotePeer(entry)
    try {
      const { started } = await peer.#ask({ kind: 'start', name: entry.name, ...options })
      peer.mode = started!.mode
      peer.threads = started!.threads
      return peer
    } catch (error) {
      peer.stop()
      throw error
    }
  }

  /** Takes over a product, and runs it once. @throws if its result is not the reference's */
  async prepare(problem: Problem): Promise<void> {
    await this.#ask({ kind: 'prepare', problem })
  }

  /** Runs the product for about `time` milliseconds. -> milliseconds of each call */
  async run(time: number): Promise<number[]> {
    return (await this.#ask({ kind: 'run', time })).samples!
  }

  stop(): void {
    if (this.#child.connected) this.#child.disconnect()
  }

  #ask(request: Request): Promise<Answer> {
    const child = this.#child
    return new Promise((resolve, reject) => {
      const died = (code: number | null, signal: string | null) =>
        reject(new Error(`${this.entry.name}: its process ended with ${signal ?? `code ${code}`}`))
      child.once('exit', died)
      child.once('message', (answer: Answer) => {
        child.off('exit', died)
        if (answer.error === undefined) resolve(answer)
        else reject(new Error(answer.error))
      })
      child.send(request)
    })
  }
}
