// Makes sure that paths from a queue lead nowhere but below the worker's --root.
import { lstat, realpath } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, sep, win32 } from 'node:path'
import { UserError } from '../../../lab/cli/user-error.ts'
import { BadShard } from './shard-job.ts'

/**
 * The real path of `path` below `root`; a path that does not exist yet must be below a folder that does.
 * @param root a real path
 * @param path relative, with slashes
 * @throws BadShard if it is absolute, has a `..`, or leads out of the root by a symbolic link
 */
export async function belowRoot(root: string, path: string): Promise<string> {
  const steps = path.split(/[\\/]/)
  if (isAbsolute(path) || win32.isAbsolute(path) || steps.includes('..') || path.includes('\0'))
    throw new BadShard(`${path}: expected a path below --root, without ..`)
  const full = join(root, path)
  let there = full
  while (there !== root && !(await lstat(there).catch(() => undefined))) there = dirname(there)
  const real = await realpath(there).catch(() => undefined)
  if (real === undefined || !isBelow(root, real))
    throw new BadShard(`${path}: a symbolic link leads out of --root, ${root}`)
  return join(real, relative(there, full))
}

/** The name below `root`, with slashes, of a path that exists or whose folder does. @throws UserError if it is elsewhere */
export async function nameBelowRoot(root: string, path: string): Promise<string> {
  const parent = dirname(path)
  const real = await realpath(path).catch(async () => join(await realOf(parent), relative(parent, path)))
  if (!isBelow(root, real))
    throw new UserError(
      `${path} is not below --root, ${root}: workers find texts and results below their own --root`,
    )
  return relative(root, real).replaceAll(sep, '/')
}

async function realOf(folder: string): Promise<string> {
  const parent = dirname(folder)
  return realpath(folder).catch(async (error: unknown) => {
    if (parent === folder) throw error
    return join(await realOf(parent), relative(parent, folder))
  })
}

function isBelow(root: string, real: string): boolean {
  return real === root || real.startsWith(root.endsWith(sep) ? root : root + sep)
}
