// The files of a corpus, in the order in which they are read.
import { readdir, stat } from 'node:fs/promises'
import { dirname, extname, join, relative, sep } from 'node:path'
import { UserError } from '../../../lab/cli/user-error.ts'
import { isUrl, openParquet } from '../../../lab/texts/parquet-node.ts'

export interface CorpusFile {
  /** A path, or an address. */
  readonly path: string
  /** Its name in results: below the corpus's folder, with slashes. */
  readonly name: string
  readonly bytes: number
  /** When it was last written, in milliseconds; 0 for an address. */
  readonly modified: number
}

const ENDINGS = ['.txt', '.json', '.jsonl', '.csv', '.tsv', '.parquet']

export const endingOf = (path: string): string =>
  extname(isUrl(path) ? new URL(path).pathname : path).toLowerCase()

/**
 * A file, those of a folder and its subfolders in the order of their names, or a Parquet file's address.
 * @throws UserError if there is none that can be read
 */
export async function corpusFiles(path: string): Promise<{ files: CorpusFile[]; passedOver: string[] }> {
  if (isUrl(path)) return { files: [await remoteFile(path)], passedOver: [] }
  const info = await stat(path).catch((cause: NodeJS.ErrnoException) => {
    const reason = cause.code === 'ENOENT' ? 'there is no such file or folder' : cause.message
    throw new UserError(`${path}: ${reason}`, { cause })
  })
  if (!info.isDirectory()) {
    if (!ENDINGS.includes(endingOf(path)))
      throw new UserError(
        `${path}: expected a folder, an address of a .parquet file, or a file that ends in ${ENDINGS.join(', ')}`,
      )
    const name = relative(dirname(path), path)
    return { files: [{ path, name, bytes: info.size, modified: Math.trunc(info.mtimeMs) }], passedOver: [] }
  }
  const files: CorpusFile[] = []
  const passedOver: string[] = []
  for (const entry of await readdir(path, { recursive: true, withFileTypes: true })) {
    if (entry.isDirectory()) continue
    const full = join(entry.parentPath, entry.name)
    const name = relative(path, full).replaceAll(sep, '/')
    const found = await stat(full).catch(() => undefined)
    if (!found?.isFile() || entry.name.startsWith('.') || !ENDINGS.includes(endingOf(entry.name)))
      passedOver.push(name)
    else files.push({ path: full, name, bytes: found.size, modified: Math.trunc(found.mtimeMs) })
  }
  if (files.length === 0)
    throw new UserError(`${path}: nothing to read: no file in it ends in ${ENDINGS.join(', ')}`)
  const byName = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0) // the same order everywhere
  return { files: files.sort((a, b) => byName(a.name, b.name)), passedOver: passedOver.sort(byName) }
}

async function remoteFile(url: string): Promise<CorpusFile> {
  if (endingOf(url) !== '.parquet')
    throw new UserError(`${url}: only .parquet files can be read from an address: fetch it first`)
  try {
    const { file } = await openParquet(url)
    return { path: url, name: url, bytes: file.byteLength, modified: 0 }
  } catch (cause) {
    throw new UserError(`${url}: ${(cause as Error).message}`, { cause })
  }
}
