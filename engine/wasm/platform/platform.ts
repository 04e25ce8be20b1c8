// What the engine's environment provides: Node (platform-node.ts) or a browser (platform-browser.ts).
import type { SpawnWorker } from '../threads/pool.ts'

export interface Platform {
  compile(bytes: Uint8Array<ArrayBuffer>, options: { paired: boolean }): WebAssembly.Module
  /** Whether `compile` really makes 256-bit code when asked to. */
  pairs(): boolean
  readonly spawn: SpawnWorker | undefined
  /** Whether the calling thread may sleep. */
  readonly mayBlock: boolean
  /** Threads that this machine runs at once. */
  readonly cores: number
}
