// One file over HTTP: from where an earlier try stopped, and under its own name only once it is whole.
import { existsSync } from 'node:fs'
import { UserError } from '../../cli/user-error.ts'
import { showBytes } from '../../cli/progress.ts'
import { differenceOf, type Identity } from './identity.ts'
import { openPartial, type Partial } from './partial.ts'
import { ask, type Address, type Reply } from './request.ts'
import { TransientError, withRetries } from './retry.ts'
import type { Patience } from './settings.ts'
import { statusError } from './status.ts'

/** A file on a server, and what it must be. */
export type RemoteFile = Address & Identity

/**
 * Fetches a file: under a temporary name, from where an earlier try stopped, and then under its own name. It gets that,
 * or is taken as it was found there, only when the bytes on the disk have the size and the hash.
 * @param onBytes called with the number of bytes there are, which may fall when a file has to begin again
 * @throws UserError that names the file, what was expected, what was found and what to do
 */
export async function download(
  file: RemoteFile,
  target: string,
  patience: Patience,
  onBytes: (bytes: number) => void = () => {},
): Promise<void> {
  if (!(await isThere(file, target)))
    await fetchInto(target, file, patience, onBytes).catch(async (error: unknown) => {
      if (!(await isThere(file, target))) throw error // else another process was quicker
    })
  onBytes(file.size)
}

/** @throws UserError if something else is there */
async function isThere(file: RemoteFile, target: string): Promise<boolean> {
  if (!existsSync(target)) return false
  const difference = await differenceOf(target, file)
  if (difference === undefined) return true
  const { expected, found } = difference
  throw new UserError(`${target}: expected ${expected}, found ${found}: delete it and run this again`)
}

async function fetchInto(
  target: string,
  file: RemoteFile,
  patience: Patience,
  onBytes: (bytes: number) => void,
): Promise<void> {
  await using partial = await openPartial(target, file.size)
  onBytes(partial.length)
  let refused = false
  const work = async () => {
    if (partial.length < file.size) await receive(file, partial, patience, onBytes)
    const difference = await differenceOf(partial.path, file)
    if (difference === undefined) return
    await partial.reset()
    const wrong = `${file.label}: expected ${difference.expected}, got ${difference.found}`
    if (refused)
      throw new UserError(
        `${wrong}, twice: the server has a different file, or something on the way changes it; try another network or ${file.setting}`,
      )
    refused = true
    throw new TransientError(wrong)
  }
  await withRetries(patience, work, () => partial.length)
  await partial.finish()
}

/** Asks for what is missing and appends it. */
async function receive(
  file: RemoteFile,
  partial: Partial,
  patience: Patience,
  onBytes: (bytes: number) => void,
): Promise<void> {
  const { label } = file
  const headers = partial.length > 0 ? { Range: `bytes=${partial.length}-` } : undefined
  using reply = await ask({ ...file, method: 'GET', headers, patience })
  await checkStart(file, reply, partial)
  const announced = announcedSize(reply)
  for await (const chunk of reply.body()) {
    if (partial.length === 0) refuseDisguise(file, reply, chunk)
    const tooMuch = partial.length + chunk.length > file.size
    if (tooMuch || (announced ?? file.size) !== file.size)
      throw new UserError(
        `${label}: expected ${file.size} bytes, ${reply.host} has ${tooMuch ? `more than ${file.size}` : announced}: ` +
          `it serves a different file; try another ${file.setting}`,
      )
    await partial.append(chunk)
    onBytes(partial.length)
  }
  if (partial.length < file.size)
    throw new TransientError(
      `${label}: expected ${file.size} bytes, ${reply.host} ended after ${partial.length}`,
    )
}

/** Accepts an answer that begins where the partial file ends, or, whole, at the beginning. */
async function checkStart(file: RemoteFile, reply: Reply, partial: Partial): Promise<void> {
  if (reply.status === 200) {
    if (/^text\/html\b/i.test(reply.headers.get('Content-Type') ?? '')) throw htmlError(file, reply)
    return partial.reset() // what comes is the whole file, whatever was asked for
  }
  const range = reply.headers.get('Content-Range') ?? ''
  if (reply.status === 206 && range.startsWith(`bytes ${partial.length}-`)) return
  if (reply.status === 206 || reply.status === 416) {
    const expected = `${file.label}: expected bytes from ${partial.length} on, ${reply.host} gave ${range || 'no Content-Range'}`
    await partial.reset()
    throw new TransientError(expected)
  }
  throw statusError(reply, file)
}

/** The size of the whole file, as the answer states it. */
function announcedSize({ status, headers }: Reply): number | undefined {
  if (headers.has('Content-Encoding')) return undefined // Content-Length is that of the compressed bytes
  const text = status === 206 ? headers.get('Content-Range')?.split('/')[1] : headers.get('Content-Length')
  return text && /^\d+$/.test(text) ? Number(text) : undefined
}

/** Refuses, by its first bytes, what servers give in place of a file. */
function refuseDisguise(file: RemoteFile, reply: Reply, start: Uint8Array): void {
  const text = new TextDecoder().decode(start.subarray(0, 64))
  if (text.startsWith('version https://git-lfs'))
    throw new UserError(
      `${file.label}: expected ${showBytes(file.size)}, got a Git LFS pointer: ${reply.host} has the repository without its large files; try another ${file.setting}`,
    )
  if (/^\s*<(!doctype html|html)/i.test(text)) throw htmlError(file, reply)
}

function htmlError(file: RemoteFile, reply: Reply): UserError {
  return new UserError(
    `${file.label}: expected ${showBytes(file.size)}, got an HTML page from ${reply.host}: the login or error page of a proxy? Open ${file.url} in a browser to see`,
  )
}
