import { DRIVER } from './peer.ts'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createBackend } from '../../engine/backends.ts'
import { opCases } from '../browser/op-cases.ts'
import { runScript, type Ended } from '../helpers/cli.ts'
import { gradientCases, sizes } from '../helpers/gradient-cases.ts'
import { checkAgainstReference } from '../helpers/gradients.ts'
import { anySeed, holds } from '../helpers/random.ts'
import { checkSpecials, specialCases } from '../helpers/special-cases.ts'

// The same cases as in Chromium (test/browser), and the commands, on the adapter of the driver that VK_DRIVER_FILES names.

const ops = await createBackend('gpujs:webgpu')
console.log(`${ops.name}: ${ops.mode}`)

const test = suite('gpujs:webgpu in Node')
test.after(() => ops.dispose())

function verify(driver: string): Ended {
  const peer = fileURLToPath(new URL('peer.ts', import.meta.url))
  const env = { NODE_OPTIONS: `--import=${peer}`, VK_DRIVER_FILES: driver }
  return runScript('experiments/tools/verify/main.ts', ['tiny', '--backend', 'gpujs:webgpu'], undefined, {
    env,
  })
}

test('names the adapter that it runs on', () => {
  assert.match(ops.mode, /^gpu\.js, .+ \((software|hardware)\)/)
})

for (const [name, hold] of Object.entries(opCases)) test(name, () => hold(ops))

for (const [name, make] of Object.entries(gradientCases))
  test(`gradients: ${name}`, () =>
    holds(
      [sizes(20), sizes(20), sizes(20), anySeed],
      (rows, width, other, seed) => checkAgainstReference(ops, make(rows, width, other), seed, 1e-4),
      3,
    ))

for (const name of Object.keys(specialCases))
  test(`NaN and infinity: ${name}`, () => checkSpecials(ops, name, { gpu: true }))

test('verify holds the bundled model to its reference, and names the adapter', () => {
  const { status, stdout, stderr } = verify(DRIVER)
  assert.is(status, 0, stderr)
  assert.ok(stdout.includes(ops.mode), stdout)
  assert.match(stdout, /all \d+ checks hold/)
})

test('without a driver: one sentence says what to install', () => {
  const { status, stderr } = verify('/nowhere/icd.json')
  assert.is(status, 1)
  const [sentence] = stderr.split('\n').filter((line) => line.startsWith('error: '))
  assert.match(
    sentence,
    /^error: gpujs:webgpu cannot run here: .* no adapter answers: it takes a graphics driver.*libvulkan1.*VK_DRIVER_FILES.*gpujs:webasm$/,
  )
})

test.run()
