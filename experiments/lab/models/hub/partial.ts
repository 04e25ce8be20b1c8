import { createHash, randomBytes, type Hash } from 'node:crypto'
import { mkdir, open, readdir, rename, rm, stat, utimes, type FileHandle } from 'node:fs/promises'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { explain } from '../../cli/write-node.ts'

/** What a whole file's bytes hash to: SHA-256 as it is, or git's SHA-1 of `blob SIZE\0` and the bytes. */
export interface Digest {
  readonly algorithm: 'sha256' | 'git'
  readonly hex: string
}

/**
 * A file that is being fetched, under a temporary name beside its target. What a process leaves behind when it
 * ends early is taken over by the next, which goes on from there: whoever renames it first has it.
 */
export interface Partial extends AsyncDisposable {
  /** Bytes so far. */
  readonly length: number
  append(chunk: Uint8Array): Promise<void>
  /** Back to nothing. */
  reset(): Promise<void>
  /** The hash of what there is. */
  hex(): string
  /** Gives the file its name. */
  publish(): Promise<void>
}

/** A temporary file not touched for so long belongs to nobody, whatever its name says. */
const ABANDONED_MS = 60_000
const HEARTBEAT_MS = 15_000
const POLL_MS = 250

/** Temporary files that this process is writing. */
const mine = new Set<string>()

export interface ClaimOptions {
  readonly algorithm: Digest['algorithm']
  /** The size that the file will have: git's hash begins with it. */
  readonly size: number
  /** Called once if another process is fetching the same file; it is waited for. */
  readonly onWait?: (owner: string) => void
}

/**
 * Takes up, or begins, the fetching of `target`. Undefined if the file is complete, by now: another process may
 * have fetched it while this one waited. @throws UserError if the folder cannot be written
 */
export async function claimPartial(target: string, options: ClaimOptions): Promise<Partial | undefined> {
  await explain(target, () => mkdir(dirname(target), { recursive: true }))
  for (let waited = false; ;) {
    if (await stat(target).catch(() => undefined)) return undefined
    const found = await leftovers(target)
    const owner = found.find(({ busy }) => busy)
    if (owner) {
      if (!waited) options.onWait?.(owner.owner)
      waited = true
      await pause(POLL_MS)
      continue
    }
    const path = `${target}.${hostTag()}-${process.pid}-${randomBytes(4).toString('hex')}.partial`
    // The longest goes on; if another process was quicker to take it, look again.
    const [longest, ...shorter] = found.sort((a, b) => b.size - a.size)
    if (
      longest &&
      !(await rename(longest.path, path).then(
        () => true,
        () => false,
      ))
    )
      continue
    for (const { path } of shorter) await rm(path, { force: true })
    return openPartial(path, target, options)
  }
}

interface Leftover {
  readonly path: string
  readonly size: number
  readonly owner: string
  readonly busy: boolean
}

/** The temporary files of `target`, this process's and others'. */
async function leftovers(target: string): Promise<Leftover[]> {
  const found: Leftover[] = []
  for (const name of await readdir(dirname(target))) {
    if (!name.startsWith(`${basename(target)}.`)) continue
    const [, host, pid] = /\.([\w-]+)-(\d+)-[0-9a-f]{8}\.partial$/.exec(name) ?? []
    const path = join(dirname(target), name)
    const info = await stat(path).catch(() => undefined)
    if (host === undefined || info === undefined) continue
    const here = host === hostTag()
    const alive = !here || (Number(pid) === process.pid ? mine.has(path) : isAlive(Number(pid)))
    const busy = alive && Date.now() - info.mtimeMs < ABANDONED_MS
    found.push({ path, size: info.size, owner: `process ${pid}${here ? '' : ` on ${host}`}`, busy })
  }
  return found
}

async function openPartial(path: string, target: string, options: ClaimOptions): Promise<Partial> {
  const inWords = <T>(work: () => Promise<T>): Promise<T> => explain(target, work)
  const file = await inWords(() => open(path, 'a+'))
  mine.add(path)
  const heartbeat = setInterval(() => void utimes(path, new Date(), new Date()).catch(() => {}), HEARTBEAT_MS)
  heartbeat.unref()
  let hash = startHash(options)
  let length = await hashFile(file, hash)
  return {
    get length() {
      return length
    },
    async append(chunk) {
      await inWords(() => file.appendFile(chunk))
      hash.update(chunk)
      length += chunk.length
    },
    async reset() {
      await inWords(() => file.truncate(0))
      hash = startHash(options)
      length = 0
    },
    hex: () => hash.copy().digest('hex'),
    publish: () =>
      inWords(async () => {
        await file.sync()
        await file.close()
        await rename(path, target)
      }),
    async [Symbol.asyncDispose]() {
      clearInterval(heartbeat)
      mine.delete(path)
      await file.close()
      if (length === 0) await rm(path, { force: true })
    },
  }
}

function startHash({ algorithm, size }: ClaimOptions): Hash {
  return algorithm === 'sha256' ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`)
}

/** Adds a file's bytes to a hash. -> how many they are */
async function hashFile(file: FileHandle, hash: Hash): Promise<number> {
  const buffer = new Uint8Array(2 ** 20)
  for (let at = 0; ;) {
    const { bytesRead } = await file.read(buffer, 0, buffer.length, at)
    if (bytesRead === 0) return at
    hash.update(buffer.subarray(0, bytesRead))
    at += bytesRead
  }
}

/** The hash of a whole file. */
export async function hashOf(path: string, algorithm: Digest['algorithm']): Promise<string> {
  await using file = await open(path)
  const { size } = await file.stat()
  const hash = startHash({ algorithm, size })
  await hashFile(file, hash)
  return hash.digest('hex')
}

function hostTag(): string {
  return hostname().replace(/[^A-Za-z0-9]+/g, '-') || 'host'
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
