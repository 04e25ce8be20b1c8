import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { runScript } from '../helpers/cli.ts'

const test = suite('verify, the command')
const script = 'experiments/tools/verify/main.ts'

interface Result {
  readonly checks: readonly { readonly model: string; readonly error: number; readonly limit: number }[]
}

test('left to itself it verifies both models that need no download', () => {
  const { status, stdout } = runScript(script, ['--json'])
  const { checks } = JSON.parse(stdout) as Result
  assert.is(status, 0)
  assert.equal([...new Set(checks.map(({ model }) => model))], ['tiny', 'synthetic'])
  assert.ok(checks.length > 50, `${checks.length} checks`)
  for (const { error, limit } of checks) assert.ok(error <= limit)
})

test('the models named, each once', () => {
  const { stdout } = runScript(script, ['tiny', 'tiny', '--json'])
  const { checks } = JSON.parse(stdout) as Result
  assert.equal([...new Set(checks.map(({ model }) => model))], ['tiny'])
  assert.is(checks.length, 17)
})

test('a model that is none is wrong usage', () => {
  const { status, stderr } = runScript(script, ['huge'])
  assert.is(status, 2)
  assert.match(stderr, /expected one of tiny, synthetic, gpt2, got 'huge'/)
})

test.run()
