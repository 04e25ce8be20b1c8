// The readers of corpora: what is bad is named by its place, and nothing around it is lost.
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { parquetWriteBuffer } from 'hyparquet-writer'
import { readDocuments, type FoundIn } from '../../experiments/tools/corpus/read/documents.ts'
import { corpusFiles } from '../../experiments/tools/corpus/read/files.ts'
import { LARGEST_DOCUMENT } from '../../experiments/tools/corpus/read/found.ts'

const folder = mkdtempSync(join(tmpdir(), 'corpus-read-'))
const test = suite('corpus readers')
test.after(() => rmSync(folder, { recursive: true }))

const COLUMNS = { text: 'text', label: 'category' }

async function read(path: string, from = { file: 0, row: 1 }): Promise<FoundIn[]> {
  const { files } = await corpusFiles(path)
  const found: FoundIn[] = []
  for await (const one of readDocuments(files, COLUMNS, from)) found.push(one)
  return found
}

/** `row: text (label)` or `row! fault`. */
async function shown(name: string, content: string | Uint8Array, from = 1): Promise<string[]> {
  writeFileSync(join(folder, name), content)
  const found = await read(join(folder, name), { file: 0, row: from })
  return found.map((one) => {
    if ('fault' in one) return `${one.row}! ${one.fault}`
    return `${one.row}: ${one.text}${one.label === undefined ? '' : ` (${one.label})`}`
  })
}

const parquet = (columns: Record<string, unknown[]>, rowGroupSize = 2, more = {}) =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: Object.entries(columns).map(([name, data]) => ({ name, data })),
      rowGroupSize,
      ...more,
    }),
  )

test('JSON lines: a line each, bad ones by their number', async () => {
  const lines = [
    '{"text":"one","category":"k"}\r',
    '{"text":1}',
    ' ',
    '{"te',
    '[1]',
    '{"text":"\u00e4 two","category":3,"more":{}}',
    '{"category":"k"}',
    '{"text":" "}',
  ]
  const invalid = Buffer.concat([
    Buffer.from(`${lines.join('\n')}\n{"text":"`),
    Buffer.of(0xff, 0x22, 0x7d, 0x0a),
  ])
  const found = await shown('a.jsonl', Buffer.concat([invalid, Buffer.from('{"text":"end"}')]))
  assert.equal(found, [
    '1: one (k)',
    '2! expected a string as "text", found number',
    '4! not valid JSON at line 4, column 2: unexpected end of string, found "\\"te"',
    '5! expected a JSON object',
    '6: ä two (3)',
    '7! expected a string as "text", found nothing',
    '8! its "text" is empty',
    '9! not valid UTF-8',
    '10: end',
  ])
  assert.equal(await shown('b.jsonl', `${lines[0]}\n${lines[0]}`, 2), ['2: one (k)'])
  assert.equal(await shown('c.jsonl', ''), [])
})

test('CSV: records over several lines; a bad one costs no other', async () => {
  const csv = [
    '\ufefftext;category',
    '"he;\r\n""llo""";x\r',
    'only',
    '"bad"quote;y',
    'fine;z',
    '',
    'q"uote;z',
    'mine;z',
    '"open;z',
    'last;"un',
  ]
  assert.equal(await shown('a.csv', csv.join('\n')), [
    '2: he;\r\n"llo" (x)',
    '4! 1 fields, the header has 2: put a text that holds commas in quotes',
    '5! text after a closing quote: put the text in quotes and double those inside it',
    '6: fine (z)',
    '8! a double quote inside a text that does not start with one',
    '9: mine (z)',
    '10! text after a closing quote: put the text in quotes and double those inside it',
    '11! an unmatched double quote',
  ])
  assert.equal(await shown('b.tsv', 'category\ttext\nk\tone'), ['2: one (k)'])
  assert.equal(await shown('c.csv', 'a,b\n1,2'), [
    '1! expected one column "text" among the names in the first row, found "a,b"',
  ])
  assert.equal(
    await shown('d.csv', Buffer.concat([Buffer.from('text\na\n'), Buffer.of(0xff), Buffer.from('\nb')])),
    ['2: a', '3! not valid UTF-8', '4: b'],
  )
  assert.equal(await shown('e.csv', 'text\na\n"b\nc"\nd', 3), ['3: b\nc', '5: d'])
})

test('a text, and JSON by category, are read whole, or bad as a whole', async () => {
  assert.equal(await shown('a.txt', 'two\nlines'), ['1: two\nlines'])
  assert.equal(await shown('b.txt', ' \n'), ['1! the file is empty'])
  assert.equal(await shown('c.txt', Buffer.of(0xc3)), ['1! not valid UTF-8'])
  assert.equal(await shown('a.json', '{"k":["one","two"]}'), ['1: one (k)', '2: two (k)'])
  assert.equal(await shown('a.json', '{"k":["one","two"]}', 2), ['2: two (k)'])
  assert.match((await shown('b.json', '{"k":'))[0], '1! not valid JSON at line 1')
  const large = await shown('d.txt', new Uint8Array(LARGEST_DOCUMENT + 1).fill(0x61))
  assert.equal(large, ['1! more than 16777216 bytes (16 MiB): split it into several documents'])
  const line = Buffer.concat([
    new Uint8Array(LARGEST_DOCUMENT + 1).fill(0x61),
    Buffer.from('\n{"text":"end"}'),
  ])
  assert.equal(await shown('d.jsonl', line), [
    '1! more than 16777216 bytes (16 MiB): split it into several documents',
    '2: end',
  ])
})

test('Parquet: row by row, from any row on', async () => {
  const columns = {
    text: ['one', null, 'three', 'four', ''],
    category: ['k', 'k', null, 'l', 'l'],
    n: [1, 2, 3, 4, 5],
  }
  const all = [
    '1: one (k)',
    '2! expected a string as "text", found null',
    '3: three',
    '4: four (l)',
    '5! its "text" is empty',
  ]
  assert.equal(await shown('a.parquet', parquet(columns)), all)
  for (let row = 1; row <= 5; row++)
    assert.equal(await shown('a.parquet', parquet(columns), row), all.slice(row - 1))
  const gzip = {
    codec: 'GZIP',
    compressors: { GZIP: (bytes: Uint8Array) => new Uint8Array(gzipSync(bytes)) },
  }
  assert.equal(await shown('b.parquet', parquet(columns, 2, gzip)), all)
  assert.equal(await shown('c.parquet', parquet({ content: ['a'] })), [
    '0! expected a column "text", found "content"',
  ])
  const [truncated] = await shown('d.parquet', parquet(columns).subarray(0, 100))
  assert.match(truncated, '0! cannot be read as Parquet: ')
  const damaged = parquet({ text: ['a'.repeat(50), 'b', 'c', 'd'] })
  damaged.fill(0xff, 8, 40)
  const found = await shown('e.parquet', damaged)
  assert.match(found[0], '1! rows 1 to 2 cannot be read: ')
  assert.equal(found.slice(1), ['3: c', '4: d'])
})

test('Parquet as pyarrow writes it: zstd, dictionaries, nested columns', async () => {
  const found = await read(join(import.meta.dirname, '../fixtures/corpus/pyarrow.parquet'))
  assert.equal(
    found.map((one) => ('text' in one ? [one.row, one.text, one.label] : [one.row, one.fault])),
    [
      [1, 'one', 'k'],
      [2, 'zwei ä', 'k'],
      [3, 'expected a string as "text", found null'],
      [4, 'vier', undefined],
    ],
  )
})

test('Parquet behind an address is read by ranges', async () => {
  const bytes = parquet({ text: ['one', 'two', 'three'] })
  const ranges: string[] = []
  const server = createServer(({ method, headers }, response) => {
    const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(headers.range ?? '') ?? []
    if (method === 'HEAD') return void response.writeHead(200, { 'content-length': bytes.length }).end()
    ranges.push(headers.range ?? 'none')
    response.writeHead(206).end(bytes.subarray(Number(from), Number(to) + 1))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  try {
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/some.parquet`
    const found = await read(url)
    assert.equal(
      found.map((one) => 'text' in one && one.text),
      ['one', 'two', 'three'],
    )
    assert.ok(ranges.length > 1)
    assert.not(ranges.includes('none'))
  } finally {
    server.close()
  }
})

test('a folder is read in the order of its names, its subfolders are labels', async () => {
  const corpus = join(folder, 'corpus')
  mkdirSync(join(corpus, 'b/deep'), { recursive: true })
  for (const name of ['b/deep/x.txt', 'b/y.txt', 'a.txt', 'c.bin', '.hidden.txt'])
    writeFileSync(join(corpus, name), name)
  const { files, passedOver } = await corpusFiles(corpus)
  assert.equal(
    files.map(({ name }) => name),
    ['a.txt', 'b/deep/x.txt', 'b/y.txt'],
  )
  assert.equal(passedOver, ['.hidden.txt', 'c.bin'])
  const labels = (await read(corpus)).map((one) => ('text' in one ? one.label : 'fault'))
  assert.equal(labels, [undefined, 'b/deep', 'b'])
})

test('what cannot be read at all is refused by name', async () => {
  const fault = (path: string) => corpusFiles(path).then(String, (error: Error) => error.message)
  const nothing = join(folder, 'nothing')
  assert.is(await fault(nothing), `${nothing}: there is no such file or folder`)
  mkdirSync(nothing)
  const endings = '.txt, .json, .jsonl, .csv, .tsv, .parquet'
  assert.is(await fault(nothing), `${nothing}: nothing to read: no file in it ends in ${endings}`)
  const bin = join(folder, 'a.bin')
  writeFileSync(bin, '')
  assert.is(
    await fault(bin),
    `${bin}: expected a folder, an address of a .parquet file, or a file that ends in ${endings}`,
  )
  assert.is(
    await fault('http://127.0.0.1:1/a.csv'),
    'http://127.0.0.1:1/a.csv: only .parquet files can be read from an address: fetch it first',
  )
  assert.match(await fault('http://127.0.0.1:1/a.parquet'), 'http://127.0.0.1:1/a.parquet: ')
})

/** Each line is a document, part of one, blank, or a fault: whatever the bytes, the readers end, and name rows that rise. */
const anyBytes = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc
    .array(fc.constantFrom('"', 'a', ',', '\n', '\r\n', '{"text":"x"}', 'ä', ';', '\ufeff', '""'), {
      maxLength: 60,
    })
    .map((parts) => new TextEncoder().encode(parts.join(''))),
)
for (const ending of ['jsonl', 'csv', 'txt', 'json', 'parquet'])
  test(`.${ending} of any bytes`, () =>
    fc.assert(
      fc.asyncProperty(anyBytes, async (bytes) => {
        const head = ending === 'csv' ? new TextEncoder().encode('text\n') : new Uint8Array()
        const path = join(folder, `fuzz.${ending}`)
        writeFileSync(path, Buffer.concat([head, bytes]))
        const found = await read(path)
        const rows = found.map(({ row }) => row)
        assert.equal(
          rows,
          [...new Set(rows)].sort((a, b) => a - b),
        )
        const middle = found[Math.floor(found.length / 2)]
        if (middle && middle.row > 0)
          assert.equal(
            await read(path, { file: 0, row: middle.row }),
            found.slice(Math.floor(found.length / 2)),
          )
      }),
      { numRuns: 150 },
    ))

test.run()
