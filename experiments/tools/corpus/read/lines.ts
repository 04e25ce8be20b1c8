// Documents of .jsonl, one per line, and of .txt, one per file.
import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { readJson } from '../../../lab/texts/json.ts'
import { documentOf, LARGEST_DOCUMENT, NOT_UTF8, TOO_LARGE, utf8, type Columns, type Found } from './found.ts'

/** The whole file as one document. label: the folder it is in, if that has a name */
export async function* readTextFile(path: string, label: string | undefined): AsyncGenerator<Found> {
  const { size } = await stat(path)
  const place = { row: 1, read: size }
  if (size > LARGEST_DOCUMENT) {
    yield { ...place, fault: TOO_LARGE }
    return
  }
  let text: string
  try {
    text = utf8(await readFile(path))
  } catch (error) {
    if (!(error instanceof TypeError)) throw error
    yield { ...place, fault: NOT_UTF8 }
    return
  }
  yield text.trim() === '' ? { ...place, fault: 'the file is empty' } : { ...place, text, label }
}

/** One JSON object per line; blank lines are left out. Lines before `fromRow` are skipped without being parsed. */
export async function* readJsonLines(path: string, columns: Columns, fromRow: number): AsyncGenerator<Found> {
  for await (const { bytes, row, read } of linesOf(path)) {
    if (row < fromRow) continue
    const place = { row, read }
    if (bytes === undefined) {
      yield { ...place, fault: TOO_LARGE }
      continue
    }
    let line: string
    try {
      line = utf8(bytes)
    } catch {
      yield { ...place, fault: NOT_UTF8 }
      continue
    }
    if (line.trim() === '') continue
    yield jsonDocument(line, columns, place)
  }
}

function jsonDocument(line: string, columns: Columns, place: { row: number; read: number }): Found {
  let value
  try {
    value = readJson(line, { firstLine: place.row })
  } catch (error) {
    return { ...place, fault: (error as Error).message }
  }
  if (!(value instanceof Map)) return { ...place, fault: 'expected a JSON object' }
  return documentOf((name) => value.get(name), columns, place)
}

export interface Line {
  /** Undefined if the line is too long to be held. */
  readonly bytes?: Uint8Array
  /** From 1. */
  readonly row: number
  readonly read: number
}

const NEWLINE = 0x0a

/** Lines as bytes, so that one that is not UTF-8 does not spoil others. */
export async function* linesOf(path: string): AsyncGenerator<Line> {
  let row = 0
  let read = 0
  let waiting: Uint8Array[] = []
  let size = 0
  const take = (): Line => {
    const bytes = size > LARGEST_DOCUMENT ? undefined : Buffer.concat(waiting)
    waiting = []
    size = 0
    return { bytes, row: ++row, read }
  }
  const add = (part: Uint8Array) => {
    size += part.length
    if (size <= LARGEST_DOCUMENT) waiting.push(part)
    else waiting = []
  }
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 18 })) {
    const bytes = chunk as Uint8Array
    let from = 0
    for (let end = bytes.indexOf(NEWLINE); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
      add(bytes.subarray(from, end))
      read += end + 1 - from
      from = end + 1
      yield take()
    }
    add(bytes.subarray(from))
    read += bytes.length - from
  }
  if (size > 0) yield take()
}
