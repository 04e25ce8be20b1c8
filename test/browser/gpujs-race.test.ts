import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { startChromium } from '../../bench/gpujs/chromium.ts'
import { parts } from '../../bench/gpujs/race-layer.ts'
import type * as RacePage from '../../bench/gpujs/race-page.ts'

// bench gpujs: our contestants of the race, as the bench runs them in Chromium. The others are not installed with the project.

const chromium = await startChromium(true)

const test = suite('bench: race in Chromium')
test.after(() => chromium.close())

for (const name of ['wasm', 'gpujs:webgl2', 'gpujs:webgpu'])
  test(`${name} computes a product and an encoder, verified, and every part is timed`, async () => {
    const page = await chromium.open<typeof RacePage>('/bench/gpujs/race-page.ts')
    const mode = await page.call('start', name)
    assert.match(mode, name === 'wasm' ? /^simd/ : /\(software\)$/)
    for (const relu of [false, true]) {
      await page.call('prepare', { tokens: 5, inputs: 24, outputs: 44, relu })
      for (const part of parts) {
        const samples = await page.call('time', part, 1)
        assert.ok(samples.length >= 1 && samples.every((ms) => ms >= 0), part)
      }
    }
    await page.close()
  })

test.run()
