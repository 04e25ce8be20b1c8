// Files of the hub: what is missing is announced, fetched and put into the store.
import { statfs } from 'node:fs/promises'
import { UserError } from '../../cli/user-error.ts'
import { createProgress, showBytes } from '../../cli/progress.ts'
import { explain, makeFolder } from '../../cli/write-node.ts'
import { download, type RemoteFile } from './download.ts'
import { isHash } from './identity.ts'
import { ask, type Address, type Reply } from './request.ts'
import { withRetries } from './retry.ts'
import type { HubSettings } from './settings.ts'
import { statusError } from './status.ts'
import { COMMIT, type FileStore, type HubFile } from './store.ts'

export interface FetchOptions {
  /** What is fetched, for messages: a model's name. */
  readonly what: string
  /** The command that fetches it ahead, for messages. */
  readonly command: string
  readonly quiet?: boolean
}

/**
 * Makes sure that files are in the store, and fetches those that are not.
 * @returns their paths, in order
 * @throws UserError that names the file, what was expected, what was found and what to do
 */
export async function fetchFiles(
  settings: HubSettings,
  store: FileStore,
  files: readonly HubFile[],
  options: FetchOptions,
): Promise<string[]> {
  const missing: HubFile[] = []
  for (const file of files) if ((await store.find(file)) === undefined) missing.push(file)
  if (missing.length > 0) {
    if (settings.offline) throw offlineError(missing, store, options)
    const announced = await announceAll(settings, store, missing)
    await checkSpace(store.folder, announced, options.what)
    await fetchAnnounced(settings, store, announced, options)
  }
  return Promise.all(files.map(async (file) => (await store.find(file))!))
}

/** What the hub says of a file before it is fetched. */
interface Announced {
  readonly file: HubFile
  readonly remote: RemoteFile
  readonly etag: string
  readonly commit: string
}

async function announceAll(
  settings: HubSettings,
  store: FileStore,
  files: readonly HubFile[],
): Promise<Announced[]> {
  const commits = new Map<string, string>() // a branch may move between two files: it is asked for once
  const all: Announced[] = []
  for (const file of files) {
    const branch = `${file.repo}@${file.revision}`
    const revision = commits.get(branch) ?? (await store.commitOf(file)) ?? file.revision
    const announced = await withRetries(settings.patience, () => announce(settings, file, revision))
    commits.set(branch, announced.commit)
    all.push(announced)
  }
  return all
}

/** Asks for a file's headers: the hub gives its hash, its size and the commit, and redirects to the content. */
async function announce(settings: HubSettings, file: HubFile, revision: string): Promise<Announced> {
  const { endpoint, token, patience } = settings
  const label = `${file.repo}: ${file.path}`
  const url = `${endpoint}/${file.repo}/resolve/${revision}/${file.path}`
  const address: Address = { url, label, token, setting: 'HF_ENDPOINT' }
  // Redirects within the hub carry no hash; the one to where large files are kept does.
  const enough = (headers: Headers) => headers.has('X-Linked-ETag')
  using reply = await ask({ ...address, method: 'HEAD', patience, enough })
  if (reply.status >= 400) throw statusError(reply, address)
  const { etag, size } = identityOf(reply, label)
  const commit = reply.headers.get('X-Repo-Commit') ?? revision
  if (!COMMIT.test(commit) || (COMMIT.test(revision) && commit !== revision))
    throw new UserError(
      `${label}: expected revision ${revision}, got '${commit}' from ${reply.host}: is HF_ENDPOINT a model hub?`,
    )
  if (file.sha256 !== undefined && etag.length === 64 && etag !== file.sha256)
    throw new UserError(
      `${label}: expected SHA-256 ${file.sha256}, ${reply.host} announces ${etag}: it has a different file; try another HF_ENDPOINT`,
    )
  return { file, etag, commit, remote: { ...address, size: file.size ?? size, hash: file.sha256 ?? etag } }
}

function identityOf({ headers, host }: Reply, label: string): { etag: string; size: number } {
  const tag = headers.get('X-Linked-ETag') ?? headers.get('ETag') ?? ''
  const size = headers.get('X-Linked-Size') ?? headers.get('Content-Length') ?? ''
  if (/^text\/html\b/i.test(headers.get('Content-Type') ?? '') && tag === '')
    throw new UserError(
      `${label}: expected the file, got an HTML page from ${host}: the login or error page of a proxy?`,
    )
  if (!/^\d+$/.test(size))
    throw new UserError(`${label}: ${host} does not say how large it is: is HF_ENDPOINT a model hub?`)
  const etag = tag.replace(/^W\//, '').replaceAll('"', '')
  // As the name of a file it could be anything.
  if (!isHash(etag))
    throw new UserError(
      `${label}: expected a SHA-1 or SHA-256 as ETag, got '${etag.slice(0, 80)}': is HF_ENDPOINT a model hub?`,
    )
  return { etag, size: Number(size) }
}

async function fetchAnnounced(
  { patience }: HubSettings,
  store: FileStore,
  announced: readonly Announced[],
  { what, quiet }: FetchOptions,
): Promise<void> {
  const total = announced.reduce((sum, { remote }) => sum + remote.size, 0)
  using progress = createProgress({ label: `fetching ${what}`, total, unit: 'bytes', quiet })
  let before = 0
  for (const { file, remote, etag, commit } of announced) {
    const detail = (bytes: number) => `${file.local} ${showBytes(bytes)} of ${showBytes(remote.size)}`
    let first = true
    const onBytes = (bytes: number) => {
      if (first) progress.skip(bytes) // fetched by an earlier run
      first = false
      progress.update(before + bytes, detail(bytes))
    }
    await download(remote, store.target(file, etag), patience, onBytes)
    await store.settle(file, etag, commit)
    before += remote.size
  }
}

/** Refuses to begin what the disk cannot hold. */
async function checkSpace(folder: string, announced: readonly Announced[], what: string): Promise<void> {
  await explain(folder, () => makeFolder(folder))
  const { bavail, bsize } = await statfs(folder)
  const needed = announced.reduce((sum, { remote }) => sum + remote.size, 0)
  if (needed > bavail * bsize)
    throw new UserError(
      `${what}: expected room for ${showBytes(needed)} in ${folder}, found ${showBytes(bavail * bsize)}: ` +
        'free some, or set HF_HOME to a folder on another disk',
    )
}

function offlineError(
  missing: readonly HubFile[],
  store: FileStore,
  { what, command }: FetchOptions,
): UserError {
  const names = missing.slice(0, 3).map(({ repo, path }) => `${repo}: ${path}`)
  const more = missing.length > 3 ? ` and ${missing.length - 3} more` : ''
  return new UserError(
    `${what}: offline, and not in ${store.folder}: ${names.join(', ')}${more}; with a network, fetch ahead: ${command}`,
  )
}
