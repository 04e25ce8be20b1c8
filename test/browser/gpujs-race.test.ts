import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startChromium } from '../../bench/gpujs/chromium.ts'
import { parts, type RaceTask } from '../../bench/gpujs/race-layer.ts'

// bench gpujs: our contestants of the race, as the bench runs them in Chromium. The others are not installed with the project.

const chromium = await startChromium(true)

const test = suite('bench: race in Chromium')
test.after(() => chromium.close())

for (const name of ['wasm', 'gpujs:webgl2', 'gpujs:webgpu'])
  test(`${name} computes a product and an encoder, verified, and every part is timed`, async () => {
    const runner = await chromium.open<RaceTask>('/bench/gpujs/race-page.ts', name)
    assert.match(runner.mode, name === 'wasm' ? /^simd/ : /\(software\)$/)
    for (const relu of [false, true]) {
      const layer = { tokens: 5, inputs: 24, outputs: 44, relu }
      for (const part of parts) {
        await runner.verify({ layer, part })
        const samples = await runner.time(1)
        assert.ok(samples.length >= 1 && samples.every((ms) => ms >= 0), part)
      }
    }
    await runner.close()
  })

test.run()
