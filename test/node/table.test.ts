// Tables of the terminal: what does not fit is cut into narrower tables or wrapped, and nothing of it is lost.
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { formatTable } from '../../experiments/lab/cli/table.ts'

const widest = (text: string): number => Math.max(...text.split('\n').map(({ length }) => length))
/** Its letters and digits, in order of the alphabet: a wrapped cell has its letters in several lines. */
const letters = (text: string): string => [...text.replace(/[^\p{L}\d]/gu, '')].sort().join('')

const head = ['', ...Array.from({ length: 6 }, (_, layer) => `layer ${layer}`)]
const rows = ['Python', 'Non-English', 'Conversational'].map((name, r) => [
  name,
  ...Array.from({ length: 6 }, (_, layer) => [`${r}.${layer}5 #${100 * r + layer}`, '“tok”']),
])

const test = suite('terminal tables')

test('one table where it fits; a cell may have two lines', () => {
  const table = formatTable(head, rows, 200)
  assert.is(table.split('┌').length, 2)
  assert.match(table, /│ Python +│ 0\.05 #0 +│/)
  assert.is(formatTable(head, rows, widest(table)), table)
  assert.is(formatTable(head, rows, widest(table) - 1).split('┌').length, 3)
})

for (const width of [40, 60])
  test(`at ${width} columns it is cut into tables with the first column in each, every column once`, () => {
    const table = formatTable(head, rows, width)
    assert.ok(widest(table) <= width, `${widest(table)}`)
    const tables = table.split('┌').slice(1)
    assert.ok(tables.length > 1)
    for (const one of tables) for (const [name] of rows) assert.ok(one.includes(`│ ${String(name)} `))
    for (const layer of head.slice(1)) assert.is(table.split(layer).length, 2)
    for (const cell of rows.flatMap((row) => row.slice(1)))
      for (const line of cell) assert.ok(table.includes(line))
  })

test('a column that does not fit by itself is wrapped at words, or within them where it must be', () => {
  const prose = formatTable(
    ['', 'said'],
    [['up', 'the cat sat on the mat and looked at a very long sentence']],
    40,
  )
  assert.ok(widest(prose) <= 40)
  assert.match(prose, /│ up +│ the cat sat on the mat and +│\n│ +│ looked at/)
  const hook = 'blocks.3.attn.hook_result_of_a_very_long_name_indeed'
  const broken = formatTable(['hook', 'value'], [[hook, 1]], 40)
  assert.ok(widest(broken) <= 40)
  assert.is(letters(broken), letters(`hookvalue${hook}1`))
  assert.not.match(broken, '…')
})

test('whatever the table, no line is wider than the terminal, and no letter is lost', () => {
  const cell = fc.stringMatching(/^[a-z]{0,9}( [a-z]{1,30})?$/)
  const table = fc
    .integer({ min: 1, max: 6 })
    .chain((columns) =>
      fc.array(fc.array(cell, { minLength: columns, maxLength: columns }), { minLength: 1, maxLength: 4 }),
    )
  fc.assert(
    fc.property(table, fc.integer({ min: 20, max: 90 }), (cells, width) => {
      const [first, ...others] = cells
      const shown = formatTable(first, others, width)
      assert.ok(widest(shown) <= width, `${widest(shown)} > ${width}`)
      const repeats = shown.split('┌').length - 2
      const all = cells.flatMap((row) => [...row, ...Array.from({ length: repeats }, () => row[0])])
      assert.is(letters(shown), letters(all.join('')))
    }),
    { seed: 17, numRuns: 150 },
  )
})

test('a cell is on one line unless it is a list of lines', () => {
  assert.match(formatTable(['a'], [['x\ny']], 40), '│ x␊y │')
  assert.match(formatTable(['a'], [[['x', 'y']]], 40), /│ x │\n│ y │/)
})

test('COLUMNS says how wide where there is no terminal; without it nothing is folded', () => {
  const folder = mkdtempSync(join(tmpdir(), 'table-'))
  const path = join(folder, 'table.ts')
  const module = join(import.meta.dirname, '../../experiments/lab/cli/table.ts')
  writeFileSync(
    path,
    `import { formatTable } from ${JSON.stringify(module)}\nconsole.log(formatTable(${JSON.stringify(head)}, ${JSON.stringify(rows)}))`,
  )
  const at = (COLUMNS: string | undefined): number => {
    const env = { ...process.env, COLUMNS }
    return widest(spawnSync(process.execPath, [path], { env, encoding: 'utf8' }).stdout.trimEnd())
  }
  const [wide, ...narrow] = [undefined, '60', '40'].map(at)
  rmSync(folder, { recursive: true })
  assert.ok(wide > 80)
  assert.ok(narrow[0] <= 60 && narrow[1] <= 40, narrow.join())
})

test.run()
