// What a file on the disk must be, by size and hash, and what it is.
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'

export interface Identity {
  /** In bytes. */
  readonly size: number
  /** In hexadecimal: SHA-256, or, in 40 digits, git's SHA-1 of `blob SIZE\0` and the bytes. The hub announces either. */
  readonly hash: string
}

export const isHash = (text: string): boolean => /^([0-9a-f]{40}|[0-9a-f]{64})$/.test(text)

/** The hash of a file, of the same kind as `like`: SHA-256 unless that is git's. */
export async function hashOf(path: string, like = ''): Promise<string> {
  const { size } = await stat(path)
  const hash = isGitHash(like) ? createHash('sha1').update(`blob ${size}\0`) : createHash('sha256')
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 }))
    hash.update(chunk as Uint8Array)
  return hash.digest('hex')
}

/** In what that which is at `path` is not the file that it must be; undefined if it is. */
export async function differenceOf(
  path: string,
  { size, hash }: Identity,
): Promise<{ expected: string; found: string } | undefined> {
  const info = await stat(path)
  if (!info.isFile()) return { expected: 'a file', found: 'a folder' }
  if (info.size !== size) return { expected: `${size} bytes`, found: String(info.size) }
  const found = await hashOf(path, hash)
  return found === hash ? undefined : { expected: describeHash(hash), found }
}

export function describeHash(hash: string): string {
  return `${isGitHash(hash) ? 'git hash' : 'SHA-256'} ${hash}`
}

const isGitHash = (hash: string): boolean => hash.length === 40
