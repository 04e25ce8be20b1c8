// The command and its workers, as processes that are watched while they run.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const root = join(import.meta.dirname, '../..')
const peers = pathToFileURL(join(import.meta.dirname, 'peers.ts')).href

/** What a process does at the rename that gives its shard `index` the name of a whole file. */
export interface AtShard {
  readonly index: number
  readonly does: 'fail' | 'die' | 'interrupt'
}

const ACTS: Readonly<Record<AtShard['does'], string>> = {
  fail: `throw new Error('the disk says no')`,
  die: `process.kill(process.pid, 'SIGKILL')`,
  interrupt: `process.kill(process.pid, 'SIGINT'); return new Promise(() => {})`,
}

/** What the engine does for long at a stretch: kernels for 600 ms before each turn of the event loop. */
const SLOW_BATCHES = `
  const { MessageChannel } = globalThis
  const cell = new Int32Array(new SharedArrayBuffer(4))
  globalThis.MessageChannel = class extends MessageChannel {
    constructor() {
      super()
      Atomics.wait(cell, 0, 0, 600)
    }
  }`

const atShard = ({ index, does }: AtShard) => `
  import fs from 'node:fs/promises'
  import { syncBuiltinESMExports } from 'node:module'
  const { rename } = fs
  fs.rename = async (from, to) => {
    if (to.endsWith('${String(index).padStart(6, '0')}.parquet')) { ${ACTS[does]} }
    return rename(from, to)
  }
  syncBuiltinESMExports()`

export interface How {
  /** `every batch`: its kernels block the process for long, on any machine. */
  readonly at?: AtShard | 'every batch'
  readonly env?: Readonly<Record<string, string>>
}

export class Running implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #ended: Promise<unknown[]>
  #text = ''
  readonly #watchers = new Set<() => void>()

  constructor(script: string, args: readonly string[], { at, env = {} }: How = {}) {
    const preload = at === 'every batch' ? SLOW_BATCHES : at && atShard(at)
    const imports = [peers, ...(preload ? [`data:text/javascript,${encodeURIComponent(preload)}`] : [])]
    const NODE_OPTIONS = imports.map((one) => `--import=${one}`).join(' ')
    this.#child = spawn(process.execPath, [join(root, script), ...args], {
      env: { ...process.env, NODE_OPTIONS, CLEARBOX_DEBUG: '', ...env },
    })
    for (const stream of [this.#child.stdout!, this.#child.stderr!])
      stream.setEncoding('utf8').on('data', (chunk: string) => {
        this.#text += chunk
        for (const watch of this.#watchers) watch()
      })
    this.#ended = once(this.#child, 'close')
  }

  /** What it has said so far, on standard output and error. */
  get text(): string {
    return this.#text
  }

  /** Resolves when it has said so. @throws if it ends without */
  async said(words: string): Promise<void> {
    const found = new Promise<void>((resolve) => {
      const watch = () => this.#text.includes(words) && resolve()
      this.#watchers.add(watch)
      watch()
    })
    const end = this.#ended.then(() => {
      if (!this.#text.includes(words)) throw new Error(`ended without saying "${words}":\n${this.#text}`)
    })
    await Promise.race([found, end])
  }

  /** How it ended: an exit code, or the name of a signal. */
  async end(): Promise<number | string> {
    const [code, signal] = (await this.#ended) as [number | null, string | null]
    return code ?? signal!
  }

  kill(signal: 'SIGKILL' | 'SIGINT'): void {
    this.#child.kill(signal)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.kill('SIGKILL')
    await this.#ended
  }
}
