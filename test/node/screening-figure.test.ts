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
  readonly afterInt8: number
  readonly afterResidual: number
  readonly active: number
}

test('the script draws the figure of sae/README.md, and prints the numbers that stand there', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'clearbox-figure-'))
  try {
    const out = join(folder, 'screening.svg')
    const script = join(root, 'experiments/tools/screening/main.ts')
    const { stdout } = await promisify(execFile)(process.execPath, [script, '--json', '--out', out])
    const { features, afterInt8, afterResidual, active } = JSON.parse(stdout) as Counts
    assert.ok(active <= afterResidual && afterResidual <= afterInt8 && afterInt8 < 0.1 * features)
    const readme = (await readFile(join(root, 'sae/README.md'), 'utf8')).replace(/\s+/g, ' ')
    const sentence = `Of ${features.toLocaleString('en')} features q alone leaves ${afterInt8} possible, and with the residual ${afterResidual} are left; ${active} are active.`
    assert.ok(readme.includes(sentence), `expected in sae/README.md: ${sentence}`)
    assert.is(await readFile(out, 'utf8'), await readFile(join(root, 'sae/screening.svg'), 'utf8'))
  } finally {
    await rm(folder, { recursive: true })
  }
})

test('every shown feature is a point for each bound; those far from zero are left out', () => {
  const near = { preActivation: 0.5, afterInt8: 1, afterResidual: 0.6 }
  const far = { preActivation: -40, afterInt8: -39, afterResidual: -39.5 }
  const count = (svg: string) => svg.match(/<circle/g)!.length - 2 // two in the legend
  assert.is(count(drawBounds([])), 0)
  assert.is(count(drawBounds([near, far, near])), 4)
})

test.run()
