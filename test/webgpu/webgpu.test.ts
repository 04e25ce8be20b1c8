import { DRIVER } from './peer.ts'
import { fileURLToPath } from 'node:url'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { countGpuCalls } from '../../bench/gpujs/count-gpu-calls.ts'
import { measureGpuPeak } from '../../bench/gpujs/gpu-peak.ts'
import { ourContestant } from '../../bench/gpujs/our-layer.ts'
import { parts } from '../../bench/gpujs/race-layer.ts'
import { startRunner } from '../../bench/gpujs/runner.ts'
import { raceRunner } from '../../bench/gpujs/race-runner.ts'
import type { GpuUse } from '../../bench/rows.ts'
import { wrapOps } from '../../bench/wrap-ops.ts'
import type { Backend } from '../../engine/backend.ts'
import { createBackend } from '../../engine/backends.ts'
import { toDense } from '../../engine/sparse.ts'
import { sourceOf } from '../../engine/weights/weights.ts'
import { capture, run } from '../../gpt2/model.ts'
import { opCases } from '../browser/op-cases.ts'
import { runScript, type Ended } from '../helpers/cli.ts'
import { gradientCases, sizes } from '../helpers/gradient-cases.ts'
import { checkAgainstReference } from '../helpers/gradients.ts'
import { anySeed, holds, randomTensor } from '../helpers/random.ts'
import { randomIds, smallGpt2 } from '../helpers/small-gpt2.ts'
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

const called = new Set<PropertyKey>()
const watched = wrapOps(ops, ({ op }, run) => {
  called.add(op)
  return run()
})
for (const [name, hold] of Object.entries(opCases)) test(name, () => hold(watched))

test('the cases above, which Chromium runs, too, call every op', () => {
  const noOp = /^(scope|upload|download|reshape|prepare.*|createCache|release|dispose)$/
  const ops = Object.entries(watched).flatMap(([name, member]) =>
    typeof member === 'function' && !noOp.test(name) ? [name] : [],
  )
  assert.ok(ops.length > 20, ops.join())
  assert.equal(
    ops.filter((op) => !called.has(op)),
    [],
  )
})

for (const [name, make] of Object.entries(gradientCases))
  test(`gradients: ${name}`, () =>
    holds(
      [sizes(20), sizes(20), sizes(20), anySeed],
      (rows, width, other, seed) => checkAgainstReference(ops, make(rows, width, other), seed, 1e-4),
      3,
    ))

for (const name of Object.keys(specialCases))
  test(`NaN and infinity: ${name}`, () => checkSpecials(ops, name, { gpu: true }))

test('a forward pass reads nothing back until its end, and submits 20 kernels a block', async () => {
  const model = await smallGpt2(ops)
  const { nLayers } = model.config
  for (const ids of [randomIds(9, 1), randomIds(1, 1)]) {
    const submissions = 3 + 20 * nLayers + 4 // embedding, blocks, the last LayerNorm and the logits
    const pass = await countGpuCalls(() => run(model, [ids], { logits: async () => {} }))
    assert.equal(pass, { submissions, read_backs: 0 }, `${ids.length} tokens`)
    const whole = await countGpuCalls(() => capture(model, [ids], ['logits']))
    assert.equal(
      whole,
      { submissions: submissions + 1, read_backs: 1 },
      `${ids.length} tokens, logits read back`,
    )
  }
})

test('bench gpujs counts what each case asks of WebGPU, once it is verified', async () => {
  const uses: GpuUse[] = []
  const runner = await startRunner(ops.name, 3, undefined, [], uses)
  for (const name of [
    'layerNorm3x768',
    'layerNorm, a row is walked once, a kernel a step3x768',
    'attention3x3x768',
  ])
    await runner.verify(name)
  assert.equal(
    uses.map(({ work, submissions, read_backs }) => [work, submissions, read_backs]),
    [
      ['layerNorm', 2, 0],
      ['layerNorm, a row is walked once, a kernel a step', 5, 0],
      ['attention', 4, 0],
    ],
  )
  await runner.close()
})

test('an SAE gives what it gives on wasm but for rounding, and its features come back once', async () => {
  await using wasm = await createBackend('wasm', { threads: 1 })
  const x = randomTensor([9, 64], 1)
  const layer = { weight: randomTensor([64, 1500], 2), bias: randomTensor([1500], 3, 1, -8) }
  const encode = async (ops: Backend) => {
    const encoder = await ops.prepareEncoder(sourceOf('W_enc', layer.weight), sourceOf('b_enc', layer.bias))
    const uploaded = ops.upload(x)
    return () => ops.sparseEncode(uploaded, encoder)
  }
  const [onGpu, onWasm] = [await encode(ops), await encode(wasm)]
  await onGpu() // compiles, and learns how long the lists are
  const [got, expected] = [toDense(await onGpu()), toDense(await onWasm())]
  const tolerance = 64 * 2 ** -23 * 20 // its terms, their rounding, their size
  assert.ok(expected.data.some((value) => value > 1))
  for (const [i, value] of expected.data.entries())
    assert.ok(Math.abs(got.data[i] - value) <= tolerance, `feature ${i} is ${got.data[i]}, on wasm ${value}`)
  assert.equal(await countGpuCalls(onGpu), { submissions: 2 + 2 + 1, read_backs: 1 })
})

test('the race in Node: ours computes a product and an encoder, verified, every part is timed, and the peak known', async () => {
  const runner = raceRunner(ops.name, ourContestant(ops))
  for (const relu of [false, true])
    for (const part of parts) {
      await runner.verify({ layer: { tokens: 5, inputs: 24, outputs: 44, relu }, part })
      const samples = await runner.time(1)
      assert.ok(samples.length >= 1 && samples.every((ms) => ms >= 0), part)
    }
  const roofline = await measureGpuPeak(ops.mode)
  assert.equal(
    roofline.rows.map(({ work, mode }) => `${work}, ${mode}`),
    [`peak: multiply-add, ${ops.mode}`, `peak: read, ${ops.mode}`],
  )
  const { gflops, gbs } = roofline.ceiling(1)
  assert.ok(gflops > 0 && gbs > 0, `${gflops} GFLOP/s, ${gbs} GB/s`)
})

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
