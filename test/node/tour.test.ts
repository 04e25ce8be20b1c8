// The tour's page shows what the tour prints, and the lines of code it names are there.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { showWalk } from '../../experiments/tour/show.ts'
import { walk } from '../../experiments/tour/walk.ts'
import { runScript } from '../helpers/cli.ts'

const root = join(import.meta.dirname, '../..')
const stops = await walk()

const test = suite('tour')

test('the page shows what it prints', () => {
  const page = readFileSync(join(root, 'experiments/tour/README.md'), 'utf8')
  const [, shown] = /<!-- tour -->\n\n```\n([^]*?)\n?```\n\n<!-- \/tour -->/.exec(page) ?? []
  assert.is(shown, showWalk(stops))
  assert.is(runScript('experiments/tour/main.ts', []).stdout, `${showWalk(stops)}\n`)
})

test('each line of code stands in its file', () => {
  for (const { file, code } of stops)
    assert.ok(readFileSync(join(root, file), 'utf8').includes(code), `${file}: ${code}`)
})

test.run()
