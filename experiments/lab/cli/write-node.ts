// Files written whole or not at all, and messages for what can go wrong.
import { constants, existsSync, rmSync } from 'node:fs'
import { access, lstat, mkdir, open, realpath, rename, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { onEarlyExit } from './cleanup.ts'
import { draftOf, sweepDrafts } from './draft-node.ts'
import { UserError } from './user-error.ts'

/**
 * Writes a file whole or not at all: to a temporary name beside it, to the disk, then under its own name.
 * Missing parent folders are made; a symbolic link is followed; a file that stood there keeps its content
 * until the new one is complete.
 * @throws UserError that names the path and the cause
 */
export async function writeAtomically(path: string, data: string | Uint8Array): Promise<void> {
  await writeAll([[path, data]])
}

/**
 * Writes a set of files that belong together: all of them are complete on the disk before the first
 * gets its name, so a full disk or an error leaves the former set as it was. They get their names in the order given, so a
 * process that is killed in between leaves some new files beside old ones. Drafts of dead processes are removed.
 * @param files file name, which may contain folders, to content
 * @throws UserError that names the path and the cause
 */
export async function writeAllAtomically(
  folder: string,
  files: Readonly<Record<string, string | Uint8Array>>,
): Promise<void> {
  await writeAll(Object.entries(files).map(([name, data]) => [join(folder, name), data]))
}

/**
 * To be called before the work: finds out whether the file can be written. Its folder need not exist yet.
 * @throws UserError that names the path and the cause
 */
export async function checkWritable(path: string): Promise<void> {
  let existing = dirname(resolve(path))
  while (!existsSync(existing) && existing !== dirname(existing)) existing = dirname(existing)
  await explain(path, async () => {
    if (!(await stat(existing)).isDirectory())
      throw Object.assign(new Error('not a folder'), { code: 'ENOTDIR' })
    await access(existing, constants.W_OK)
  })
}

async function writeAll(files: readonly [path: string, data: string | Uint8Array][]): Promise<void> {
  const drafts: { path: string; target: string; temporary: string }[] = []
  const remove = () => {
    for (const { temporary } of drafts) rmSync(temporary, { force: true })
  }
  const takeBack = onEarlyExit(remove)
  try {
    for (const [path, data] of files)
      await explain(path, async () => {
        const target = await writableTarget(path)
        const temporary = draftOf(target)
        drafts.push({ path, target, temporary })
        await makeFolder(dirname(target))
        await sweepDrafts(dirname(target))
        await using file = await open(temporary, 'wx')
        await file.writeFile(data)
        await file.sync()
      })
    for (const { path, target, temporary } of drafts) await explain(path, () => rename(temporary, target))
  } finally {
    remove() // those that got their names are no longer under these
    takeBack()
  }
}

/**
 * Makes a folder and those above it. The topmost that is missing is made by itself: of a read-only file system, Node's
 * recursive mkdir says that there is no such folder, and in /proc it never ends.
 */
export async function makeFolder(path: string): Promise<void> {
  let missing = path
  while (dirname(missing) !== missing && !(await lstat(dirname(missing)).catch(() => undefined)))
    missing = dirname(missing)
  await mkdir(missing).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  await mkdir(path, { recursive: true })
}

/** A folder's path, or any other text, as a name for a folder of results. */
export function safeName(name: string): string {
  return name.replace(/[^\w.-]+/g, '-').replace(/^[-.]+|-+$/g, '') || 'model'
}

/** Where the content really goes. Renaming over a folder would fail late; over a device such as /dev/null it would succeed. Both are refused. */
async function writableTarget(path: string): Promise<string> {
  const found = await lstat(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return undefined
    throw error
  })
  if (found === undefined) return path
  if (found.isSymbolicLink()) return writableTarget(await realpath(path))
  if (found.isDirectory()) throw new UserError(`cannot write ${path}: it is a folder; name a file in it`)
  if (!found.isFile()) throw new UserError(`cannot write ${path}: it is not a regular file; name a file`)
  return path
}

const CAUSES: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the file system is read-only',
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'the disk quota is used up',
  EFBIG: 'the file would be larger than the system allows',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is a file, not a folder',
  EEXIST: 'a part of the path is a file, not a folder',
  ENOENT: 'a symbolic link on the path leads nowhere, or the system makes no folder there',
  ENAMETOOLONG: 'the name is too long',
}

/** Runs a step of writing `path` and turns the system's error codes into words. */
export async function explain<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof UserError || !(error instanceof Error)) throw error
    const code = (error as NodeJS.ErrnoException).code ?? ''
    throw new UserError(`cannot write ${path}: ${CAUSES[code] ?? error.message}${code && ` (${code})`}`, {
      cause: error,
    })
  }
}
