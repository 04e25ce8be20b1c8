// Where files from the hub are kept: Hugging Face's cache, or a folder of plain files.
import { randomUUID } from 'node:crypto'
import { copyFile, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { dirname, join, relative } from 'node:path'
import { UserError } from '../../cli/user-error.ts'
import { explain, makeFolder, writeAtomically } from '../../cli/write-node.ts'

/** A file of a repository on the hub. */
export interface HubFile {
  /** owner/name */
  readonly repo: string
  /** A commit where one is pinned, otherwise a branch. */
  readonly revision: string
  readonly path: string
  /** Where it stands in a folder of plain files. */
  readonly local: string
  /** In bytes, where known beforehand. */
  readonly size?: number
  /** Where known beforehand. */
  readonly sha256?: string
}

export const COMMIT = /^[0-9a-f]{40}$/

/** Where files are looked for and put. */
export interface FileStore {
  /** What messages call it. */
  readonly folder: string
  /** The path of a file that is there. @throws UserError if it is not as large as it must be */
  find(file: HubFile): Promise<string | undefined>
  /** The commit that a file's revision is known to be at. */
  commitOf(file: HubFile): Promise<string | undefined>
  /** Where a file's bytes are to be written. */
  target(file: HubFile, etag: string): string
  /** Called when they are there. */
  settle(file: HubFile, etag: string, commit: string): Promise<void>
}

/**
 * Hugging Face's cache, as Python's huggingface_hub keeps it, so that either finds what the other fetched:
 *
 *     models--ORG--NAME/refs/BRANCH             the commit that a branch was at
 *     models--ORG--NAME/snapshots/COMMIT/PATH   a symbolic link to
 *     models--ORG--NAME/blobs/ETAG              a file's content
 *
 * https://huggingface.co/docs/huggingface_hub/guides/manage-cache
 * @param makeLink for a test; where links cannot be made (Windows without the right), copies are
 */
export function cacheStore(cacheFolder: string, makeLink = symlink): FileStore {
  const folderOf = ({ repo }: HubFile) => join(cacheFolder, `models--${checkRepo(repo).replace('/', '--')}`)
  const blob = (file: HubFile, etag: string) => join(folderOf(file), 'blobs', etag)
  const ref = (file: HubFile) => join(folderOf(file), 'refs', checkPath(file.revision))
  const commitOf = async (file: HubFile) => {
    if (COMMIT.test(file.revision)) return file.revision
    const text = (await readFile(ref(file), 'utf8').catch(() => '')).trim()
    return COMMIT.test(text) ? text : undefined
  }
  const snapshot = (file: HubFile, commit: string) =>
    join(folderOf(file), 'snapshots', commit, checkPath(file.path))
  return {
    folder: cacheFolder,
    async find(file) {
      const commit = await commitOf(file)
      return commit && checkSize(file, snapshot(file, commit))
    },
    commitOf,
    target: blob,
    async settle(file, etag, commit) {
      if (!COMMIT.test(file.revision)) await writeAtomically(ref(file), commit)
      await link(blob(file, etag), snapshot(file, commit), makeLink)
    },
  }
}

export function folderStore(folder: string): FileStore {
  const pathOf = (file: HubFile) => join(folder, checkPath(file.local))
  return {
    folder,
    find: (file) => checkSize(file, pathOf(file)),
    commitOf: async ({ revision }) => (COMMIT.test(revision) ? revision : undefined),
    target: pathOf,
    settle: async () => {},
  }
}

function checkRepo(repo: string): string {
  if (!/^[\w.-]+\/[\w.-]+$/.test(repo) || repo.includes('..'))
    throw new UserError(`'${repo}' is not a repository: expected owner/name`)
  return repo
}

/** Names come from the network and from files. @throws UserError if `path` could lead out of its folder */
export function checkPath(path: string): string {
  const parts = path.split('/')
  if (!parts.every((part) => /^[\w.+:-]+$/.test(part) && !/^(\.+|[a-z]:.*)$/i.test(part)))
    throw new UserError(`'${path}' is not a file's path in a repository: expected names, joined by /`)
  return path
}

async function link(blob: string, file: string, makeLink: typeof symlink): Promise<void> {
  const draft = `${file}.${randomUUID()}.partial`
  await explain(file, async () => {
    await makeFolder(dirname(file))
    try {
      await makeLink(relative(dirname(file), blob), draft).catch(() => copyFile(blob, draft))
      await rename(draft, file)
    } finally {
      await rm(draft, { force: true })
    }
  })
}

async function checkSize(file: HubFile, path: string): Promise<string | undefined> {
  const info = await stat(path).catch(() => undefined) // links are followed
  if (!info?.isFile()) return undefined
  if (file.size !== undefined && info.size !== file.size)
    throw new UserError(
      `${path}: expected the ${file.size} bytes of ${file.repo}, revision ${file.revision}, found ${info.size}: ` +
        'delete it, and it is fetched again',
    )
  return path
}
