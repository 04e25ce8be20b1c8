// Texts with their categories, from a file or a folder.
import { readdir, readFile, stat } from 'node:fs/promises'
import { extname, join, parse } from 'node:path'
import { UserError } from '../cli/user-error.ts'
import { parseCsvTexts, parseJsonTexts, parseLineTexts, type LabelledText } from './texts.ts'

/** Texts are captured in memory, token by token: what is larger than this was not meant. */
const LARGEST_BYTES = 50_000_000

/**
 * Loads labelled texts, in UTF-8 with or without a byte order mark, from
 * - `NAME.json`: an object of category -> array of texts, or an array of `{ category, text }`;
 * - `NAME.csv`: columns `category` and `text`, named in the first row;
 * - a folder of `CATEGORY.txt`, a text a line, blank lines left out; categories in order of their names.
 *   Names that begin with a dot are passed over, anything else that is not a .txt file is an error.
 * @throws UserError that names the path and what to mend; see `parseJsonTexts` and `parseCsvTexts`
 */
export async function loadTexts(path: string): Promise<LabelledText[]> {
  return naming(path, async () => {
    const info = await stat(path)
    if (info.isDirectory()) return parseLineTexts(await readFolder(path))
    const ending = extname(path).toLowerCase()
    if (!info.isFile() || (ending !== '.json' && ending !== '.csv'))
      throw new UserError(`${path}: expected a .json file, a .csv file or a folder of .txt files`)
    checkSize(path, info.size)
    const source = await readUtf8(path)
    return ending === '.json' ? parseJsonTexts(source) : parseCsvTexts(source)
  })
}

async function readFolder(folder: string): Promise<{ category: string; source: string }[]> {
  const names = (await readdir(folder)).filter((name) => !name.startsWith('.')).sort()
  const files: { category: string; source: string }[] = []
  let bytes = 0
  for (const name of names) {
    const path = join(folder, name)
    const info = await naming(path, () => stat(path))
    if (!info.isFile() || extname(name).toLowerCase() !== '.txt')
      throw new UserError(`${path}: a folder of texts holds CATEGORY.txt files alone: move this elsewhere`)
    bytes += info.size
    checkSize(folder, bytes)
    files.push({ category: parse(name).name, source: await naming(path, () => readUtf8(path)) })
  }
  return files
}

function checkSize(path: string, bytes: number): void {
  if (bytes > LARGEST_BYTES)
    throw new UserError(`${path}: ${bytes} bytes, texts may have ${LARGEST_BYTES} (50 MB): take a sample`)
}

async function readUtf8(path: string): Promise<string> {
  const bytes = await readFile(path)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch (cause) {
    throw new UserError(`${path}: not valid UTF-8: save it in that encoding`, { cause })
  }
}

/** What `work` gives; its errors become the user's, and name the path. */
async function naming<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof UserError) throw cause
    const { code, message } = cause as NodeJS.ErrnoException
    throw new UserError(`${path}: ${code === 'ENOENT' ? 'there is no such file or folder' : message}`, {
      cause,
    })
  }
}
