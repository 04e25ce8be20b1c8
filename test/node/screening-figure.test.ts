import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { drawBounds } from '../../experiments/tools/screening/figure.ts'

const root = join(import.meta.dirname, '../..')
const test = suite('the figure of exact screening')

interface Counts {
  readonly features: number
  readonly possible: number
  readonly active: number
}

test('the script draws the figure of sae/README.md, and prints the numbers that stand there', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'clearbox-figure-'))
  try {
    const out = join(folder, 'screening.svg')
    const script = join(root, 'experiments/tools/screening/main.ts')
    const { stdout } = await promisify(execFile)(process.execPath, [script, '--json', '--out', out])
    const { features, possible, active } = JSON.parse(stdout) as Counts
    assert.ok(active <= possible && possible < 0.1 * features)
    const readme = (await readFile(join(root, 'sae/README.md'), 'utf8')).replace(/\s+/g, ' ')
    const sentence = `Of ${features.toLocaleString('en')} features the bound leaves ${possible} possible; ${active} are active.`
    assert.ok(readme.includes(sentence), `expected in sae/README.md: ${sentence}`)
    assert.is(await readFile(out, 'utf8'), await readFile(join(root, 'sae/screening.svg'), 'utf8'))
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('every shown feature is a point; those far from zero are left out', () => {
  const near = { preActivation: 0.5, limit: 1 }
  const far = { preActivation: -40, limit: -39 }
  const count = (svg: string) => svg.match(/<circle/g)?.length ?? 0
  assert.is(count(drawBounds([])), 0)
  assert.is(count(drawBounds([near, far, near])), 2)
})

test.run()
