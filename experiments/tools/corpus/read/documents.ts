// The documents of a corpus, file by file, from any place in it.
import { readFile, stat } from 'node:fs/promises'
import { dirname } from 'node:path'
import { parseJsonTexts } from '../../../lab/texts/texts.ts'
import { readCsv } from './csv.ts'
import { endingOf, type CorpusFile } from './files.ts'
import { LARGEST_DOCUMENT, NOT_UTF8, TOO_LARGE, utf8, type Columns, type Found } from './found.ts'
import { readJsonLines, readTextFile } from './lines.ts'
import { readParquet } from './parquet.ts'

/** What was found, and the number of its file in the corpus. */
export type FoundIn = Found & { readonly file: number }

/** Everything in the files from row `from.row` of file `from.file` on. Holds one document, or one Parquet row group, at a time. */
export async function* readDocuments(
  files: readonly CorpusFile[],
  columns: Columns,
  from: { readonly file: number; readonly row: number },
): AsyncGenerator<FoundIn> {
  for (let file = from.file; file < files.length; file++)
    for await (const found of readFileFrom(files[file], columns, file === from.file ? from.row : 1))
      yield { ...found, file }
}

function readFileFrom(file: CorpusFile, columns: Columns, row: number): AsyncGenerator<Found> {
  switch (endingOf(file.path)) {
    case '.txt':
      return row > 1 ? nothing() : readTextFile(file.path, folderOf(file.name))
    case '.jsonl':
      return readJsonLines(file.path, columns, row)
    case '.parquet':
      return readParquet(file.path, columns, row)
    case '.json':
      return readJsonFile(file.path, row)
    default:
      return readCsv(file.path, columns, row)
  }
}

async function* nothing(): AsyncGenerator<Found> {}

function folderOf(name: string): string | undefined {
  const folder = dirname(name)
  return folder === '.' ? undefined : folder
}

/** JSON as for `npm start`: texts by category. It is read as a whole, and is either good or bad as a whole. */
async function* readJsonFile(path: string, fromRow: number): AsyncGenerator<Found> {
  const { size } = await stat(path)
  const place = { row: 1, read: size }
  if (size > LARGEST_DOCUMENT) {
    yield { ...place, fault: TOO_LARGE }
    return
  }
  let texts
  try {
    texts = parseJsonTexts(utf8(await readFile(path)), { leastCategories: 1 })
  } catch (error) {
    yield { ...place, fault: error instanceof TypeError ? NOT_UTF8 : (error as Error).message }
    return
  }
  for (let i = fromRow - 1; i < texts.length; i++)
    yield { row: i + 1, read: size, text: texts[i].text, label: texts[i].category }
}
