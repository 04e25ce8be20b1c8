import { copyFile, mkdir, readFile, rename, rm, stat, symlink } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import { dirname, join, relative } from 'node:path'
import { UserError } from '../../cli/user-error.ts'
import { explain, writeAtomically } from '../../cli/write-node.ts'

/**
 * Hugging Face's cache, as Python's huggingface_hub keeps it, so that either finds what the other fetched:
 *
 *     models--ORG--NAME/refs/BRANCH             the commit that a branch was at
 *     models--ORG--NAME/snapshots/COMMIT/PATH   a symbolic link to
 *     models--ORG--NAME/blobs/ETAG              a file's content
 *
 * https://huggingface.co/docs/huggingface_hub/guides/manage-cache
 * Names come from the network and from files: each is checked before it becomes a path.
 */

export const COMMIT = /^[0-9a-f]{40}$/

/** @throws UserError if `path` could lead out of its folder */
export function checkPath(path: string): string {
  const parts = path.split('/')
  if (!parts.every((part) => /^[\w.-]+$/.test(part) && !/^\.+$/.test(part)))
    throw new UserError(`'${path}' is not a file's path in a repository: expected names, joined by /`)
  return path
}

/** @throws UserError if `etag` is not a hash: as the name of a file it could be anything */
export function checkEtag(etag: string, label: string): string {
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(etag))
    throw new UserError(
      `${label}: expected a SHA-1 or SHA-256 as ETag, got '${etag.slice(0, 80)}': is HF_ENDPOINT a model hub?`,
    )
  return etag
}

/** One repository's part of the cache. */
export class RepoCache {
  readonly folder: string

  constructor(cacheFolder: string, repo: string) {
    if (!/^[\w.-]+\/[\w.-]+$/.test(repo) || repo.includes('..'))
      throw new UserError(`'${repo}' is not a repository: expected owner/name`)
    this.folder = join(cacheFolder, `models--${repo.replace('/', '--')}`)
  }

  /** The commit of a revision, if the cache knows it. A commit is its own. */
  async commitOf(revision: string): Promise<string | undefined> {
    if (COMMIT.test(revision)) return revision
    const text = await readFile(this.refPath(revision), 'utf8').catch(() => '')
    return COMMIT.test(text.trim()) ? text.trim() : undefined
  }

  refPath(revision: string): string {
    return join(this.folder, 'refs', checkPath(revision))
  }

  async setRef(revision: string, commit: string): Promise<void> {
    if (!COMMIT.test(revision)) await writeAtomically(this.refPath(revision), commit)
  }

  filePath(commit: string, path: string): string {
    return join(this.folder, 'snapshots', commit, checkPath(path))
  }

  blobPath(etag: string): string {
    return join(this.folder, 'blobs', etag)
  }

  /** Makes a blob the file `path` of a commit; by a copy where links are not possible (Windows without the right). */
  async link(etag: string, commit: string, path: string, makeLink = symlink): Promise<string> {
    const [blob, file] = [this.blobPath(etag), this.filePath(commit, path)]
    const draft = `${file}.${randomUUID()}.partial`
    await explain(file, async () => {
      await mkdir(dirname(file), { recursive: true })
      try {
        await makeLink(relative(dirname(file), blob), draft).catch(() => copyFile(blob, draft))
        await rename(draft, file)
      } finally {
        await rm(draft, { force: true })
      }
    })
    return file
  }
}

/** The size of the file behind `path`, links followed; undefined if there is none. */
export async function sizeOnDisk(path: string): Promise<number | undefined> {
  const info = await stat(path).catch(() => undefined)
  return info?.isFile() ? info.size : undefined
}
