import type { Browser, Page } from 'playwright-core'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { DeviceOptions } from '../../engine/gpujs/device.ts'
import type { Mode } from '../../engine/gpujs/modes.ts'
import { launchChromium } from './chromium.ts'
import type * as GpuJsPage from './gpujs-page.ts'
import { specialCases } from '../helpers/special-cases.ts'
import { opCases } from './op-cases.ts'
import { serveRepository } from './serve.ts'

/** Software WebGPU and WebGL: every machine has them, and their results are those of a real adapter (README.md). */
export const softwareGpu = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--ignore-gpu-blocklist',
]

type PageModule = typeof GpuJsPage

/** A page with a gpujs backend; `call` runs an exported function of gpujs-page.ts in it. */
async function openPage(browser: Browser, url: string, mode: Mode, options: DeviceOptions = {}) {
  const page: Page = await browser.newPage()
  const complaints: string[] = []
  page.on('console', (message) => {
    const text = message.text()
    const matters = message.type() === 'error' || message.type() === 'warning'
    if (matters && !/GPU stall due to ReadPixels/.test(text)) complaints.push(text) // WebGL's read-back waits: known
  })
  page.on('pageerror', (error) => complaints.push(error.message))
  await page.goto(url)
  const call = <Name extends keyof PageModule>(
    name: Name,
    ...inputs: Parameters<PageModule[Name]>
  ): Promise<Awaited<ReturnType<PageModule[Name]>>> =>
    page.evaluate(
      async ({ name, inputs }) => {
        const path = '/test/browser/gpujs-page.ts'
        const module = (await import(path)) as Record<string, (...inputs: unknown[]) => unknown>
        return (await module[name](...inputs)) as never
      },
      { name, inputs },
    )
  const started = await call('start', mode, options)
  return { call, started, complaints, close: () => page.close() }
}

/** Tests one mode. A missing adapter rejects, and so fails the test file with the reason: it is not skipped. */
export async function testMode(mode: 'webgl2' | 'webgpu'): Promise<void> {
  const site = await serveRepository()
  const browser = await launchChromium(softwareGpu)
  const { started, call, complaints } = await openPage(browser, site.url, mode)
  console.log(`${started.name}: ${started.mode}`)

  const test = suite(`gpujs:${mode} in Chromium`)
  test.after(async () => {
    await browser.close()
    await site.close()
  })

  test('runs on the adapter that it names', () => {
    assert.is(started.name, `gpujs:${mode}`)
    assert.match(started.mode, /SwiftShader.*\(software\)/i)
  })

  for (const name of Object.keys(opCases)) test(name, () => call('checkCase', name))

  // What these adapters do; the languages promise less, and the backend's mode says where one does less.
  for (const name of Object.keys(specialCases))
    test(`NaN and infinity: ${name}`, () => call('checkSpecialCase', name))

  test('the bundled model’s logits and features are those of float64', async () => {
    const errors = await call('tinyErrors', 0)
    console.log(JSON.stringify(errors))
    assert.ok(errors.logits < 1e-4, `logits differ by ${errors.logits}`)
    assert.ok(errors.streams < 1e-4, `streams differ by ${errors.streams}`)
    assert.ok(errors.features < 1e-4, `features differ by ${errors.features}`)
    assert.equal([errors.wronglyInactive, errors.wronglyActive], [0, 0])
  })

  test('what the GPU holds stays flat over 100 forward passes', async () => {
    const held = await call('memoryOverForwards', 100)
    assert.ok(held[4].objects > 0)
    for (const [round, now] of held.slice(4).entries()) assert.equal(now, held[4], `after pass ${round + 5}`)
  })

  test('weights and large results are cut where the GPU binds no more than 1 MB at once', async () => {
    const small = await openPage(browser, site.url, mode, { maxBytes: 2 ** 20 })
    const errors = await small.call('tinyErrors', 0)
    assert.ok(errors.logits < 1e-4, `logits differ by ${errors.logits}`)
    assert.equal([errors.wronglyInactive, errors.wronglyActive], [0, 0])
    await small.call('checkLargeResults')
    const refusal =
      /^gpujs:\w+: a tensor \[300, 1000\] takes 1200000 bytes, and this GPU binds at most 1048576 at once; take/
    assert.match(await small.call('tooLarge'), refusal)
    const { largest } = await small.call('gpuMemory')
    assert.ok(largest <= 2 ** 20, `a buffer had ${largest} bytes`)
    await small.close()
  })

  test('a backend that is disposed of leaves nothing on the GPU', async () => {
    const held = await call('memoryAfterDispose')
    assert.equal([held.objects, held.bytes], [0, 0])
  })

  test('gpu.js and the browser complained about nothing', () => {
    assert.equal(complaints, [])
  })

  test.run()
}
