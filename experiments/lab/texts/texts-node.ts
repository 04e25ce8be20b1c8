// Texts with their categories, from a file or a folder.
import { readdir, readFile, stat } from 'node:fs/promises'
import { extname, join, parse } from 'node:path'
import { buffer } from 'node:stream/consumers'
import { printNote } from '../cli/print.ts'
import { UserError } from '../cli/user-error.ts'
import { parseCsvTexts } from './csv-texts-node.ts'
import {
  parseJsonLinesTexts,
  parseJsonTexts,
  parseLineTexts,
  type LabelledText,
  type Least,
} from './texts.ts'

/** Texts are captured in memory, token by token: what is larger than this was not meant. */
const LARGEST_BYTES = 50_000_000

const PARSERS: Readonly<Record<string, (source: string, options?: Least) => LabelledText[]>> = {
  '.json': parseJsonTexts,
  '.jsonl': parseJsonLinesTexts,
  '.csv': parseCsvTexts,
  '.tsv': parseCsvTexts,
}

/**
 * Loads labelled texts, in UTF-8 with or without a byte order mark, from
 * - `NAME.json`: an object of category -> array of texts, or an array of `{ category, text }`;
 * - `NAME.jsonl`: an object `{ category, text }` a line;
 * - `NAME.csv` or `NAME.tsv`: columns `category` and `text`, named in the first row, commas, semicolons or tabs between;
 * - a folder of `CATEGORY.txt`, one text per line, blank lines left out; categories in order of their names.
 *   Anything else in it is passed over, with a note.
 * @throws UserError that names the path and what to mend; see `parseJsonTexts` and `parseCsvTexts`
 */
export async function loadTexts(path: string, least?: Least): Promise<LabelledText[]> {
  return naming(path, async () => {
    const info = await stat(path)
    if (info.isDirectory()) return parseLineTexts(await readFolder(path), least)
    const ending = extname(path).toLowerCase()
    if (!info.isFile() || !(ending in PARSERS))
      throw new UserError(`${path}: expected a .json, .jsonl, .csv or .tsv file, or a folder of .txt files`)
    checkSize(path, info.size)
    return PARSERS[ending](await readUtf8(path), least)
  })
}

async function readFolder(folder: string): Promise<{ category: string; source: string }[]> {
  const names = (await readdir(folder)).sort()
  const passedOver: string[] = []
  const files: { category: string; source: string }[] = []
  let bytes = 0
  for (const name of names) {
    const path = join(folder, name)
    const info = await naming(path, () => stat(path))
    if (!info.isFile() || name.startsWith('.') || extname(name).toLowerCase() !== '.txt') {
      passedOver.push(name)
      continue
    }
    bytes += info.size
    checkSize(folder, bytes)
    files.push({ category: parse(name).name, source: await naming(path, () => readUtf8(path)) })
  }
  if (passedOver.length > 0)
    printNote(`note: ${folder}: passed over ${passedOver.join(', ')}: only CATEGORY.txt files are texts`)
  return files
}

function checkSize(path: string, bytes: number): void {
  if (bytes > LARGEST_BYTES)
    throw new UserError(
      `${path}: ${bytes} bytes, but texts may have at most ${LARGEST_BYTES} (50 MB): take a sample`,
    )
}

/**
 * A whole file as text, or standard input where the path is `-`. `name`: what errors call it
 * @throws UserError if it cannot be read, is larger than 50 MB or not UTF-8
 */
export async function readText(path: string, name = path): Promise<string> {
  return naming(name, async () => {
    const bytes = path === '-' ? await buffer(process.stdin) : await readFile(path)
    checkSize(name, bytes.length)
    return fromUtf8(bytes, name)
  })
}

async function readUtf8(path: string): Promise<string> {
  return fromUtf8(await readFile(path), path)
}

function fromUtf8(bytes: Uint8Array, path: string): string {
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
    const reason = { ENOENT: 'there is no such file or folder', EISDIR: 'expected a file, found a folder' }[
      code ?? ''
    ]
    throw new UserError(`${path}: ${reason ?? message}`, { cause })
  }
}
