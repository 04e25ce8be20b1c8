// Unfinished files, beside the place they are for, under names from which a later run can tell what a dead one left behind.
import { randomBytes } from 'node:crypto'
import { readdir, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'

const DAY_MS = 86_400_000

/** The draft of a file or folder, beside it: `NAME.HOST.PROCESS.RANDOM.partial`. */
export function draftOf(target: string): string {
  return `${target}.${hostname()}.${process.pid}.${randomBytes(4).toString('hex')}.partial`
}

/**
 * Removes the drafts in a folder that a process killed by kill -9 left there. Whether a process of another machine or
 * container is still alive cannot be seen from here: its drafts are removed after a day.
 */
export async function sweepDrafts(folder: string): Promise<void> {
  for (const name of await readdir(folder).catch(() => [])) {
    const [, host, process] = /\.([^/]+)\.(\d+)\.[0-9a-f]{8}\.partial$/.exec(name) ?? []
    if (process === undefined) continue
    const path = join(folder, name)
    const isHere = host === hostname() || host.endsWith(`.${hostname()}`)
    const isDead = isHere ? !isAlive(Number(process)) : await isOlderThanADay(path)
    // A draft that another user left stays: it does no harm.
    if (isDead) await rm(path, { recursive: true, force: true }).catch(() => undefined)
  }
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ESRCH' // another user's process is alive
  }
}

async function isOlderThanADay(path: string): Promise<boolean> {
  const found = await stat(path).catch(() => undefined)
  return found !== undefined && Date.now() - found.mtimeMs > DAY_MS
}
