import * as assert from 'uvu/assert'
import fs from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { refusal } from './refusal.ts'

/**
 * `work` must fail, naming `path`, where `folder` is the topmost that a read-only file system lacks. The system says so of
 * that folder alone; of those in it, Node's recursive mkdir says that there is no such folder.
 */
export async function refusesReadOnly(
  folder: string,
  path: string,
  work: () => Promise<unknown>,
): Promise<void> {
  const { mkdir } = fs
  const fail = (code: string) => Promise.reject(Object.assign(new Error(code), { code }))
  const readOnly = (made: string, options?: { recursive?: boolean }) => {
    if (!made.startsWith(folder)) return mkdir(made, options)
    return fail(options?.recursive && made !== folder ? 'ENOENT' : 'EROFS')
  }
  try {
    Object.assign(fs, { mkdir: readOnly })
    syncBuiltinESMExports()
    assert.is(await refusal(work()), `cannot write ${path}: the file system is read-only (EROFS)`)
  } finally {
    Object.assign(fs, { mkdir })
    syncBuiltinESMExports()
  }
}
