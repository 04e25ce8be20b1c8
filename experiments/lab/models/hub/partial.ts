// A file while it is being fetched: under a name of its own, beside its target.
import { randomUUID } from 'node:crypto'
import { renameSync, rmSync } from 'node:fs'
import { constants, copyFile, open, readdir, rename, rm, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { onEarlyExit } from '../../cli/cleanup.ts'
import { explain, makeFolder } from '../../cli/write-node.ts'

/**
 * The bytes of a file that is being fetched, as `TARGET.ID.partial`. Each process fetches into a partial of its own, and
 * no other ever writes to it. A partial only grows, so that others can copy it at any time and begin with what it
 * has: whether its process works, sleeps or has died makes no difference, and nobody asks.
 */
export interface Partial extends AsyncDisposable {
  readonly path: string
  /** Bytes so far. */
  readonly length: number
  append(chunk: Uint8Array): Promise<void>
  /** Back to nothing, in a new file. */
  reset(): Promise<void>
  /** Gives the file its target's name, and removes the partials that are of no more use. */
  finish(): Promise<void>
}

/**
 * Begins to fetch `target`, of `size` bytes, with a copy of the longest partial that can be of it. What there is when
 * the process ends, by an error too, stays as `TARGET.partial`, in place of what an earlier one left.
 * @throws UserError if the folder cannot be written
 */
export async function openPartial(target: string, size: number): Promise<Partial> {
  const inWords = <T>(work: () => Promise<T>): Promise<T> => explain(target, work)
  await inWords(() => makeFolder(dirname(target)))
  const path = `${target}.${randomUUID()}.partial`
  await inWords(() => copyLongest(target, path, size))
  let file = await inWords(() => open(path, 'a'))
  let length = (await file.stat()).size
  const leave = () => {
    try {
      if (length > 0) renameSync(path, `${target}.partial`)
      else rmSync(path)
    } catch {
      // It has its target's name; or another process was quicker, and has removed it.
    }
  }
  const takeBack = onEarlyExit(leave)
  return {
    path,
    get length() {
      return length
    },
    async append(chunk) {
      await inWords(() => file.appendFile(chunk))
      length += chunk.length
    },
    async reset() {
      await file.close()
      await rm(path)
      file = await inWords(() => open(path, 'a'))
      length = 0
    },
    finish: () =>
      inWords(async () => {
        await file.sync()
        await file.close()
        await rename(path, target)
        for (const other of await partialsOf(target)) await rm(other.path, { force: true })
      }),
    async [Symbol.asyncDispose]() {
      takeBack()
      await file.close()
      leave()
    },
  }
}

async function copyLongest(target: string, path: string, most: number): Promise<void> {
  const longest = (await partialsOf(target)).find(({ size }) => size <= most)
  if (longest === undefined) return
  try {
    await copyFile(longest.path, path, constants.COPYFILE_FICLONE)
  } catch (error) {
    // Gone by now, or another user's: then all of it is fetched.
    if (!['ENOENT', 'EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')) throw error
  }
}

/** The partials of `target`, whoever's, the longest first. */
async function partialsOf(target: string): Promise<{ path: string; size: number }[]> {
  const found: { path: string; size: number }[] = []
  for (const name of await readdir(dirname(target))) {
    if (!name.startsWith(`${basename(target)}.`) || !name.endsWith('.partial')) continue
    const path = join(dirname(target), name)
    const info = await stat(path).catch(() => undefined)
    if (info?.isFile()) found.push({ path, size: info.size })
  }
  return found.sort((a, b) => b.size - a.size)
}
