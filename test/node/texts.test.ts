import { mkdir, mkdtemp, rm, truncate, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { csvFormat } from 'd3-dsv'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { UserError } from '../../experiments/lab/cli/user-error.ts'
import { loadTexts } from '../../experiments/lab/texts/texts-node.ts'
import { parseCsvTexts } from '../../experiments/lab/texts/csv-texts-node.ts'
import {
  categoriesOf,
  fromCategories,
  identicalTexts,
  parseJsonTexts,
  parseLineTexts,
  type LabelledText,
} from '../../experiments/lab/texts/texts.ts'

const test = suite('texts')

let folder = ''
test.before(async () => void (folder = await mkdtemp(join(tmpdir(), 'clearbox-texts-'))))
test.after(() => rm(folder, { recursive: true }))

/** Writes `content` under `name` in the test's folder and returns its path. */
async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(folder, name)
  await writeFile(path, content)
  return path
}

/** Writes a folder of files and returns its path. */
async function folderOf(name: string, files: Record<string, string>): Promise<string> {
  await mkdir(join(folder, name))
  for (const [each, content] of Object.entries(files)) await file(join(name, each), content)
  return join(folder, name)
}

/** The message of the UserError that loading `path` ends with. */
async function loadError(path: string): Promise<string> {
  try {
    await loadTexts(path)
  } catch (error) {
    assert.instance(error, UserError)
    return (error as Error).message
  }
  return 'no error'
}

function messageOf(action: () => unknown): string {
  try {
    action()
  } catch (error) {
    return (error as Error).message
  }
  return 'no error'
}

const two: LabelledText[] = [
  { category: 'Math', text: '1 + 1 = 2' },
  { category: 'Social', text: '  so, "quoted"\n\ttext 🎉 ' },
]

test('the same texts from JSON in both shapes, from CSV, and from an object', async () => {
  const record = { Math: [two[0].text], Social: [two[1].text] }
  assert.equal(await loadTexts(await file('record.json', JSON.stringify(record))), two)
  assert.equal(await loadTexts(await file('rows.json', JSON.stringify(two))), two)
  assert.equal(await loadTexts(await file('rows.CSV', csvFormat(two))), two)
  assert.equal(fromCategories(record), two)
})

test('a byte order mark and CRLF are tolerated', async () => {
  const csv = '\ufeffcategory,text\r\nMath,1 + 1\r\n\r\nSocial,"a\r\nb"\r\n'
  assert.equal(await loadTexts(await file('bom.csv', csv)), [
    { category: 'Math', text: '1 + 1' },
    { category: 'Social', text: 'a\r\nb' },
  ])
  assert.equal(await loadTexts(await file('bom.json', `\ufeff${JSON.stringify(two)}`)), two)
})

test('CSV columns stand in any order, beside others', () => {
  assert.equal(parseCsvTexts('id,text , category\n1,x,A\n2,y,B'), [
    { category: 'A', text: 'x' },
    { category: 'B', text: 'y' },
  ])
})

test('a folder: categories by name, one text per line, only blank lines and dotfiles left out', async () => {
  const path = await folderOf('folder', { 'B b.txt': ' x \n\n \ty\r\n', 'A.TXT': 'z', '.DS_Store': '\u0000' })
  assert.equal(await loadTexts(path), [
    { category: 'A', text: 'z' },
    { category: 'B b', text: ' x ' },
    { category: 'B b', text: ' \ty' },
  ])
})

test('rows of a category may be scattered; categories come in order of first appearance', () => {
  const texts = parseCsvTexts('category,text\nB,1\nA,2\nB,3')
  assert.equal(categoriesOf(texts), ['B', 'A'])
  assert.equal(
    texts.map(({ text }) => text),
    ['1', '2', '3'],
  )
})

test('category names lose the spaces around them; names that JavaScript treats apart are names', () => {
  const texts = parseJsonTexts(
    '{ " b ": ["x"], "10": ["y"], "__proto__": ["z"], "constructor": ["c"], "2": ["w"] }',
  )
  assert.equal(categoriesOf(texts), ['b', '10', '__proto__', 'constructor', '2'])
  assert.equal(categoriesOf(parseCsvTexts('category,text\n__proto__,x\nA,y')), ['__proto__', 'A'])
  assert.equal(
    categoriesOf(parseJsonTexts('[{"category":"__proto__","text":"x"},{"category":"A","text":"y"}]')),
    ['__proto__', 'A'],
  )
})

/** Two or more categories and any texts but blank ones. Newlines, quotes, commas and tabs come up often. */
const anyTexts = fc
  .array(
    fc.record(
      {
        category: fc.constantFrom('A', 'Ünïcode ✓', '__proto__', 'a,"b"\nc'),
        text: fc
          .array(fc.oneof(fc.constantFrom('"', '\n', '\r\n', ',', ' ', '\t'), fc.string({ unit: 'binary' })))
          .map((parts) => parts.join('')),
      },
      { noNullPrototype: true },
    ),
    { maxLength: 8 },
  )
  .filter((texts) => categoriesOf(texts).length > 1 && texts.every(({ text }) => text.trim() !== ''))

test('JSON round trip', async () => {
  await fc.assert(
    fc.asyncProperty(anyTexts, async (texts) => {
      assert.equal(await loadTexts(await file('round.json', JSON.stringify(texts))), texts)
      const names = categoriesOf(texts)
      const members = names.map((name) => {
        const own = texts.filter(({ category }) => category === name)
        return `${JSON.stringify(name)}: ${JSON.stringify(own.map(({ text }) => text))}`
      })
      const sorted = names.flatMap((name) => texts.filter(({ category }) => category === name))
      assert.equal(parseJsonTexts(`{ ${members.join(', ')} }`), sorted)
    }),
    { numRuns: 300, seed: 1 },
  )
})

test('CSV round trip', async () => {
  await fc.assert(
    fc.asyncProperty(anyTexts, async (texts) => {
      assert.equal(await loadTexts(await file('round.csv', csvFormat(texts, ['category', 'text']))), texts)
    }),
    { numRuns: 300, seed: 2 },
  )
})

const SHAPES = 'expected { category: [text, ...], ... } or [{ "category": ..., "text": ... }, ...]'
const NONE = 'no categories: at least two are needed, each with its texts'
const ONE = 'only one category, "A": at least two are needed, as a score compares one with the others'

for (const [source, expected] of [
  [
    '{"A": ["x"],\n "B": [y]}',
    'not valid JSON at line 2, column 8: expected a value, or a key in double quotes, found "y]}"',
  ],
  [
    '{"A": ["x"], "A": ["y"]}',
    'not valid JSON at line 1, column 14: the key "A" occurs twice, found "\\"A\\": [\\"y\\"]}"',
  ],
  ['"texts"', `${SHAPES}, found the string "texts"`],
  ['42', `${SHAPES}, found number 42`],
  ['null', `${SHAPES}, found null`],
  ['{"A": "x", "B": ["y"]}', 'category "A": expected an array of texts, found the string "x"'],
  ['{"A": {"x": 1}, "B": ["y"]}', 'category "A": expected an array of texts, found an object'],
  ['{"A": ["x"], "B": []}', 'category "B" holds no text: give it one or leave it out'],
  ['{"A": ["x"], "B": ["y", 7]}', 'text 2 of "B": expected a string, found number 7'],
  ['{"A": ["x"], "B": [["y"]]}', 'text 1 of "B": expected a string, found an array'],
  ['{"A": ["x"], "B": ["y", ""]}', 'text 2 of "B" is empty'],
  ['{"A": ["x"], "B": [" \\n"]}', 'text 1 of "B" is empty'],
  ['{"A": ["x"], " ": ["y"]}', 'text 1 of " ": its category has no name'],
  [
    '{"A": ["x"], "A ": ["y"]}',
    'text 1 of "A ": the categories "A" and "A " differ only in the spaces around them',
  ],
  ['{}', NONE],
  ['[]', NONE],
  ['{"A": ["x", "y"]}', ONE],
  ['["x"]', 'entry 1: expected { "category": ..., "text": ... }, found the string "x"'],
  [
    '[{"category": "A", "text": "x"}, {"category": "B"}]',
    'entry 2: expected a string as "text", found nothing',
  ],
  ['[{"category": true, "text": "x"}]', 'entry 1: expected a string as "category", found boolean true'],
  ['[{"category": "A", "text": ""}]', 'entry 1 is empty'],
])
  test(`JSON refused: ${source}`, () =>
    assert.is(
      messageOf(() => parseJsonTexts(source)),
      expected,
    ))

for (const [source, expected] of [
  ['', 'expected one column "category" among the names in the first row, found ""'],
  ['A,x\nB,y', 'expected one column "category" among the names in the first row, found "A,x"'],
  [
    'category|text\nA|x',
    'expected one column "category" among the names in the first row, found "category|text"',
  ],
  [
    'category,Text\nA,x',
    'expected one column "text" among the names in the first row, found "category,Text"',
  ],
  [
    'category,text,text\nA,x,y',
    'expected one column "text" among the names in the first row, found "category,text,text"',
  ],
  ['category,text\nA,x\nB,y, z', 'row 3 has 3 fields, the header 2: put a text that holds commas in quotes'],
  ['category,text\nA,x\nB', 'row 3 has 1 fields, the header 2: put a text that holds commas in quotes'],
  [
    'category,text\nA,"x\nB,y',
    'row 2: an unmatched double quote: put the text in quotes and double those inside it',
  ],
  [
    'category,text\r\nA,"x\r\ny"\r\nB,"Yes" she said',
    'line 4, field 2: text after a closing quote: put the text in quotes and double those inside it',
  ],
  [
    'category,text\n"Hello"!a,x\nB,y',
    'line 2, field 1: text after a closing quote: put the text in quotes and double those inside it',
  ],
  [
    'category,text\nA,say "yes"',
    'line 2, field 2: a double quote inside a text that does not start with one: put the text in quotes and double those inside it',
  ],
  ['category,text\nA,x\n\nB,', 'row 4 is empty'],
  ['category,text\nA,x\n,y', 'row 3: its category has no name'],
  ['category,text\nA,x\n A,y', 'row 3: the categories "A" and " A" differ only in the spaces around them'],
  ['category,text\n', NONE],
  ['category,text\nA,x', ONE],
])
  test(`CSV refused: ${JSON.stringify(source)}`, () =>
    assert.is(
      messageOf(() => parseCsvTexts(source)),
      expected,
    ))

test('lines refused: a category without any, no category, one category', () => {
  const category = (name: string, source: string) => ({ category: name, source })
  const refused = (...sources: { category: string; source: string }[]) =>
    messageOf(() => parseLineTexts(sources))
  assert.is(
    refused(category('A', 'x'), category('B', ' \n')),
    'category "B" holds no text: give it one or leave it out',
  )
  assert.is(refused(), NONE)
  assert.is(refused(category('A', 'x\ny')), ONE)
  assert.is(
    messageOf(() => fromCategories({ A: ['x'] })),
    ONE,
  )
})

test('an error names the file', async () => {
  const path = await file('one.json', '{"A": ["x"]}')
  assert.is(await loadError(path), `${path}: ${ONE}`)
  const empty = await folderOf('empty', {})
  assert.is(await loadError(empty), `${empty}: ${NONE}`)
})

test('refused: a path that is not there, an unknown ending', async () => {
  const path = join(folder, 'absent.json')
  assert.is(await loadError(path), `${path}: there is no such file or folder`)
  const other = await file('texts.yaml', 'A: [x]')
  assert.is(
    await loadError(other),
    `${other}: expected a .json, .jsonl, .csv or .tsv file, or a folder of .txt files`,
  )
})

test('semicolons, tabs and JSON lines are read', async () => {
  const rows = [['category', 'text'], ['A', 'x, y'], ['B', 'z']] // prettier-ignore
  const joined = (mark: string) => rows.map((row) => row.join(mark)).join('\n')
  const expected = [{ category: 'A', text: 'x, y' }, { category: 'B', text: 'z' }] // prettier-ignore
  assert.equal(await loadTexts(await file('semicolons.csv', joined(';'))), expected)
  assert.equal(await loadTexts(await file('tabs.tsv', joined('\t'))), expected)
  const lines = expected.map((entry) => JSON.stringify(entry)).join('\r\n\n')
  assert.equal(await loadTexts(await file('lines.jsonl', `${lines}\n`)), expected)
  const broken = await file('broken.jsonl', `${lines}\n{"category": "A", }`)
  assert.match(await loadError(broken), /not valid JSON at line 4, column 1\d:/)
  const nameless = await file('nameless.jsonl', `${lines}\n{"text": "x"}`)
  assert.match(await loadError(nameless), 'line 4: expected a string as "category", found nothing')
})

test('what else is in a folder of texts is passed over', async () => {
  const path = await folderOf('mixed', { 'A.txt': 'x', 'B.txt': 'y', 'notes.md': '' })
  await folderOf('mixed/C.txt', {})
  const said: string[] = []
  const write = process.stderr.write.bind(process.stderr)
  process.stderr.write = (text) => said.push(String(text)) > 0
  const texts = await loadTexts(path).finally(() => (process.stderr.write = write))
  assert.equal(categoriesOf(texts), ['A', 'B'])
  assert.equal(said, [`note: ${path}: passed over C.txt, notes.md: only CATEGORY.txt files are texts\n`])
})

test('refused: invalid UTF-8', async () => {
  const latin1 = Buffer.from('category,text\nA,caf\xe9\nB,y', 'latin1')
  const path = await file('latin1.csv', latin1)
  assert.is(await loadError(path), `${path}: not valid UTF-8: save it in that encoding`)
  const inFolder = await folderOf('latin1', { 'A.txt': 'x' })
  await writeFile(join(inFolder, 'B.txt'), latin1)
  assert.is(
    await loadError(inFolder),
    `${join(inFolder, 'B.txt')}: not valid UTF-8: save it in that encoding`,
  )
})

test('refused: over 50 MB, in one file or in a folder together', async () => {
  const path = await file('large.json', '')
  await truncate(path, 50_000_001)
  assert.is(
    await loadError(path),
    `${path}: 50000001 bytes, but texts may have at most 50000000 (50 MB): take a sample`,
  )
  const together = await folderOf('large', { 'A.txt': 'x', 'B.txt': '' })
  await truncate(join(together, 'B.txt'), 50_000_000)
  assert.is(
    await loadError(together),
    `${together}: 50000001 bytes, but texts may have at most 50000000 (50 MB): take a sample`,
  )
})

test('identical texts are told by their rows, from 1, whatever their categories', () => {
  const rows = (...texts: string[]) => texts.map((text, i) => ({ category: String(i % 2), text }))
  assert.is(identicalTexts(rows('a', 'b', 'a ', 'A')), undefined)
  assert.is(
    identicalTexts(rows('a', 'b', 'c', 'a', 'b', 'a')),
    'the same text in rows 1, 4, 6; 2, 5 (from 1)',
  )
  const twice = Array.from({ length: 12 }, (_, i) => String(i))
  assert.match(identicalTexts(rows(...twice, ...twice))!, /; 10, 22; and 2 more \(from 1\)$/)
})

test.run()
