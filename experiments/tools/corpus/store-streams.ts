// The activations at hooks on each token of a shard, on request: a safetensors file with one tensor per hook.
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { rename, statfs } from 'node:fs/promises'
import { dirname } from 'node:path'
import type { Hook } from '../../../gpt2/hooks.ts'
import { safetensorsHeader } from '../../../engine/weights/safetensors.ts'
import { onEarlyExit } from '../../lab/cli/cleanup.ts'
import { draftOf, sweepDrafts } from '../../lab/cli/draft-node.ts'
import { showBytes } from '../../lab/cli/progress.ts'
import { UserError } from '../../lab/cli/user-error.ts'
import { explain, makeFolder } from '../../lab/cli/write-node.ts'

interface Streams {
  readonly hooks: readonly string[]
  /** How many numbers a token has at each hook. */
  readonly width: number
  readonly tokens: number
  readonly metadata: ReadonlyMap<string, string>
}

/** A draft that takes rows as they are computed and holds none. */
export class StreamsFile {
  readonly #path: string
  readonly #draft: string
  readonly #file: number
  readonly #width: number
  /** Where each hook's next row goes, in bytes. */
  readonly #next: Map<string, number>
  readonly #takeBack: () => void

  private constructor(path: string, { hooks, width, tokens, metadata }: Streams) {
    const header = safetensorsHeader(
      hooks.map((hook) => [hook, [tokens, width]] as const),
      metadata,
    )
    this.#path = path
    this.#draft = draftOf(path)
    this.#width = width
    this.#next = new Map(hooks.map((hook, i) => [hook, header.length + i * 4 * tokens * width]))
    this.#file = openSync(this.#draft, 'wx')
    this.#takeBack = onEarlyExit(() => rmSync(this.#draft, { force: true }))
    writeSync(this.#file, header)
  }

  /** @throws UserError if the disk has no room for all of it */
  static async open(path: string, streams: Streams): Promise<StreamsFile> {
    return explain(path, async () => {
      const folder = dirname(path)
      await makeFolder(folder)
      await sweepDrafts(folder)
      const { hooks, width, tokens } = streams
      const needed = 4 * tokens * width * hooks.length
      const { bavail, bsize } = await statfs(folder)
      if (needed > bavail * bsize)
        throw new UserError(
          `cannot write ${path}: it takes ${showBytes(needed)}, and the disk has ${showBytes(bavail * bsize)}: make room and ` +
            'run the same command again, or store fewer hooks',
        )
      return new StreamsFile(path, streams)
    })
  }

  /** Hooks that write the rows of a batch of windows, except those of BOS. */
  hooksFor(batch: readonly (readonly number[])[]): [name: string, hook: Hook][] {
    return [...this.#next.keys()].map((name): [string, Hook] => [
      name,
      async (x, ops) => {
        const { data } = await ops.download(x)
        let row = 0
        await explain(this.#path, async () => {
          for (const { length } of batch) {
            const rows = data.subarray((row + 1) * this.#width, (row += length) * this.#width)
            this.#write(name, new Uint8Array(rows.buffer, rows.byteOffset, rows.byteLength))
          }
        })
      },
    ])
  }

  #write(name: string, bytes: Uint8Array): void {
    for (let done = 0; done < bytes.length;) {
      const at = this.#next.get(name)!
      const written = writeSync(this.#file, bytes, done, bytes.length - done, at)
      done += written
      this.#next.set(name, at + written)
    }
  }

  async publish(): Promise<void> {
    await explain(this.#path, async () => {
      fsyncSync(this.#file)
      closeSync(this.#file)
      await rename(this.#draft, this.#path)
    })
    this.#takeBack()
  }
}
