// The README promises what `npm start` ends with: it must still be so.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { runScript } from '../helpers/cli.ts'

const readme = readFileSync(new URL('../../README.md', import.meta.url), 'utf8')
const test = suite('README')

test('npm start prints what the README shows, “...” standing for more', () => {
  const [, block] = /<!-- start-output -->\s*```\n([^]*?)```\s*<!-- \/start-output -->/.exec(readme) ?? []
  assert.ok(block, 'the block between the start-output marks')
  const cwd = mkdtempSync(join(tmpdir(), 'readme-'))
  // Without the SAEs' quality, which the block does not show: the slowest part.
  const { stdout, status } = runScript('experiments/black-box/main.ts', ['--no-quality'], cwd)
  rmSync(cwd, { recursive: true })
  assert.is(status, 0)
  // How long it took differs.
  const said = stdout.replace(/in \d+\.\d s\n/, 'in some s\n')
  let from = 0
  for (const part of block.replace(/in \d+\.\d s\n/, 'in some s\n').split(/ ?\.\.\. ?/)) {
    const at = said.indexOf(part.trim(), from)
    assert.ok(at >= 0, `npm start does not print, in this order: ${part}`)
    from = at
  }
})

test.run()
