// A run that takes another's place says so.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runScript } from '../helpers/cli.ts'

const folder = mkdtempSync(join(tmpdir(), 'replaced-'))
const test = suite('replaced results')
test.after(() => rmSync(folder, { recursive: true }))

test('a run names the command whose results it replaces', () => {
  const texts = join(folder, 'texts.json')
  writeFileSync(texts, '{"A": ["x = 1", "import os"], "B": ["Hereby.", "The parties agree."]}')
  const out = join(folder, 'out')
  const start = (layer: string) =>
    runScript('experiments/black-box/main.ts', [
      ...['--json', '--no-quality', '--permutations', '10', '--resamples', '10'],
      ...['--texts', texts, '--out', out, '--layers', layer],
    ])
  assert.is(start('0').stderr, '')
  assert.match(start('1').stderr, /^note: replaces the results of: npm start -- .* --layers 0\n$/)
  assert.is(start('1').stderr, '')
})

test.run()
