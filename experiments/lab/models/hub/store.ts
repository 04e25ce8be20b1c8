import { join } from 'node:path'
import { UserError } from '../../cli/user-error.ts'
import { checkPath, COMMIT, RepoCache, sizeOnDisk } from './cache.ts'

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

/** Where files are looked for and put: Hugging Face's cache, or a folder of plain files. */
export interface FileStore {
  /** What messages call it. */
  readonly folder: string
  /** The path of a file that is there. @throws UserError if it is not as large as it must be */
  find(file: HubFile): Promise<string | undefined>
  /** The commit that a branch is known to be at. */
  commitOf(file: HubFile): Promise<string | undefined>
  /** Where a file's bytes are to be written. */
  target(file: HubFile, etag: string): string
  /** Called when they are there. -> the file's path */
  settle(file: HubFile, etag: string, commit: string): Promise<string>
}

export function cacheStore(cacheFolder: string): FileStore {
  const cacheOf = (file: HubFile) => new RepoCache(cacheFolder, file.repo)
  return {
    folder: cacheFolder,
    async find(file) {
      const commit = await cacheOf(file).commitOf(file.revision)
      return commit && checkSize(file, cacheOf(file).filePath(commit, file.path))
    },
    commitOf: (file) => cacheOf(file).commitOf(file.revision),
    target: (file, etag) => cacheOf(file).blobPath(etag),
    async settle(file, etag, commit) {
      await cacheOf(file).setRef(file.revision, commit)
      return cacheOf(file).link(etag, commit, file.path)
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
    settle: async (file) => pathOf(file),
  }
}

async function checkSize(file: HubFile, path: string): Promise<string | undefined> {
  const size = await sizeOnDisk(path)
  if (size !== undefined && file.size !== undefined && size !== file.size)
    throw new UserError(
      `${path}: expected the ${file.size} bytes of ${file.repo}, revision ${file.revision}, found ${size}: ` +
        'delete it, and it is fetched again',
    )
  return size === undefined ? undefined : path
}
