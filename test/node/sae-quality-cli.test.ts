// `npm run sae-quality`: its files, its JSON and its tables tell one story; its errors.
import { csvParse } from 'd3-dsv'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseHTML } from 'linkedom'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { MeasuredSae } from '../../experiments/sae-quality/measure.ts'
import { isOneLine, runScript } from '../helpers/cli.ts'

const script = 'experiments/sae-quality/main.ts'
const folder = mkdtempSync(join(tmpdir(), 'sae-quality-'))
const texts = join(folder, 'texts.json')
writeFileSync(
  texts,
  JSON.stringify({ Python: ['def f(x):\n    return x + 1', 'for i in range(10):'], Prose: ['The cat sat.'] }),
)
const out = join(folder, 'out')
const args = ['--layers', '3,0', '--texts', texts]
const found = runScript(script, [...args, '--json', '--out', out])
const { saes, answer, provenance } = JSON.parse(found.stdout) as {
  saes: MeasuredSae[]
  answer: string
  provenance: { command: string }
}
const read = (name: string): string => readFileSync(join(out, name), 'utf8')

const command = suite('sae-quality')
command.after(() => rmSync(folder, { recursive: true }))

command('prints nothing but JSON, the same as in results.json, and writes all three files', () => {
  assert.is(found.stderr, '')
  assert.is(read('results.json'), found.stdout)
  assert.equal(readdirSync(out).sort(), ['quality.csv', 'report.html', 'results.json'])
  assert.equal(
    saes.map(({ hook }) => hook),
    ['blocks.0.hook_resid_pre', 'blocks.3.hook_resid_pre'],
  )
  assert.match(provenance.command, /npm run sae-quality -- --layers 3,0 /)
})

command('each feature is in a bin of the histogram, or dead', () => {
  for (const { d_sae, dead_features, density } of saes)
    assert.is(density.counts.reduce((sum, count) => sum + count, 0) + dead_features, d_sae)
})

command('quality.csv has one row per SAE and convention, with the numbers of results.json', () => {
  const rows = csvParse(read('quality.csv'))
  assert.equal(
    rows.map(({ hook, convention }) => [hook, convention]),
    saes.flatMap(({ hook }) => ['clearbox', 'saelens'].map((convention) => [hook, convention])),
  )
  for (const [i, row] of rows.entries()) {
    const sae = saes[Math.floor(i / 2)]
    assert.is(Number(row.explained_variance), sae.explained_variance)
    const losses = sae.losses[i % 2 === 0 ? 'clearbox' : 'saelens']
    for (const [name, value] of Object.entries(losses)) assert.is(Number(row[name]), value, name)
  }
})

command('the page and the terminal have the same rows, both conventions and the formulas', () => {
  const { stdout, status } = runScript(script, [...args, '--out', join(folder, 'again')])
  assert.is(status, 0)
  const { document } = parseHTML(read('report.html'))
  const rows = [...document.querySelectorAll('tbody tr')].map((row) =>
    [...row.children].map((cell) => cell.textContent),
  )
  for (const { hook, losses, explained_variance } of saes) {
    assert.ok(rows.some(([head, , , explained]) => head === hook && explained === explained_variance.toFixed(3))) // prettier-ignore
    for (const [by, { ce_spliced, kl_mean_ablated }] of [
      ['clearbox', losses.clearbox],
      ['SAELens', losses.saelens],
    ] as const) {
      // prettier-ignore
      const row = rows.find(([head, name]) => head === hook && name === by)!
      assert.equal([row[3], row.at(-1)], [ce_spliced.toFixed(3), kl_mean_ablated.toFixed(3)])
      const line = new RegExp(
        `│ ${hook} │ ${by} +│.* ${ce_spliced.toFixed(3)} │.* ${kl_mean_ablated.toFixed(3)} │`,
      )
      assert.match(stdout, line)
    }
  }
  for (const page of [stdout, document.body.textContent]) {
    assert.match(page, /1 − Σ\|x − x̂\|² \/ Σ\|x − mean\(x\)\|²/)
    assert.match(page, /SAELens: BOS is neither replaced nor scored/)
  }
  assert.ok(stdout.includes(answer))
})

command('layers without an SAE, and a folder without one, end in one line', () => {
  const none = runScript(script, ['--layers', '3,9', '--texts', texts, '--out', out])
  assert.is(none.status, 1)
  assert.match(none.stderr, /no SAE for layer 9 of tiny; it has SAEs for blocks\.0\.hook_resid_pre, /)
  assert.ok(isOneLine(none.stderr))
  const empty = runScript(script, ['--saes', folder, '--texts', texts])
  assert.is(empty.status, 1)
  assert.ok(isOneLine(empty.stderr), empty.stderr)
})

command.run()
