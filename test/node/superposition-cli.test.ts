// `npm run superposition`: its page shows what it prints, its JSON says the same, and what it refuses.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readFileSync } from 'node:fs'
import { runScript } from '../helpers/cli.ts'

const script = 'experiments/superposition/main.ts'
const page = readFileSync(new URL('../../experiments/superposition/README.md', import.meta.url), 'utf8')
const test = suite('superposition command')

test('the page shows the tables that it prints', () => {
  const [, shown] = /<!-- superposition -->\n\n```\n([^]*?)\n```\n\n<!-- \/superposition -->/.exec(page) ?? []
  const { status, stdout, stderr } = runScript(script, [])
  // On a slow machine the training takes long enough to report its progress.
  assert.equal([status, stderr.replaceAll(/^training: .*\n/gm, '')], [0, ''])
  const tables = stdout.replaceAll(/^present .*\n/gm, '').trimEnd()
  assert.is(shown, tables)
  assert.is(stdout.match(/^present .*(gained|lower)/gm)?.length, 8)
})

test('its JSON has the numbers of its table, of the best beginning', () => {
  const run = (seeds: string) =>
    JSON.parse(runScript(script, ['--json', '--present', '0.2', '--seeds', seeds]).stdout) as {
      toys: { present: number; seed: number; loss: number; lengths: number[]; kept_by_seed: number[] }[]
      crowds: { directions: number }[]
    }
  const [{ seed, loss, lengths, kept_by_seed }] = run('0,1').toys
  assert.equal([seed, kept_by_seed], [1, [5, 4]])
  assert.equal(lengths.map((length) => length.toFixed(2)).join(' '), '1.01 1.01 1.01 1.01 0.00')
  const other = run('0')
  assert.ok(other.toys[0].loss > loss && other.toys[0].seed === 0)
  assert.is(other.crowds.length, 7)
})

for (const [args, said] of [
  [['--present', '2'], /probability: expected a number from 0\.001 to 1, got '2'/],
  [['--present', '0.1,'], /present: expected entries separated by commas/],
  [['--decay', '0'], /decay: expected a number from 0\.01 to 1, got '0'/],
  [['--seeds', '-1'], /seed: expected a whole number from 0 to 4294967295, got '-1'/],
] as const)
  test(`refuses ${args.join(' ')}`, () => {
    const { status, stderr } = runScript(script, args)
    assert.is(status, 2)
    assert.match(stderr, said)
  })

test.run()
