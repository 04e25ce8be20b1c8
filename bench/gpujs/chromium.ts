// Chromium, for what runs in a page of its own.
import { launchChromium } from '../../test/browser/chromium.ts'
import { serveRepository } from '../../test/browser/serve.ts'
import { threadsOf } from '../rows.ts'
import type { Runner } from '../side-by-side.ts'

/** Chromium's own choice of GPU, or SwiftShader, which every machine has. */
export const gpuFlags = ['--enable-unsafe-webgpu', '--ignore-gpu-blocklist', '--enable-features=Vulkan']
export const softwareFlags = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--ignore-gpu-blocklist',
]

/** Pages of this repository's modules. */
export async function startChromium(software: boolean) {
  const site = await serveRepository()
  const browser = await launchChromium(software ? softwareFlags : gpuFlags)
  return {
    /** Starts `name` in a page of its own, from a module that exports start, verify and time, such as /bench/gpujs/page.ts. */
    async open<Task>(path: string, backend: string, ...options: unknown[]): Promise<Runner<Task>> {
      const page = await browser.newPage()
      await page.goto(site.url)
      const call = <T>(name: string, ...inputs: unknown[]): Promise<T> =>
        page.evaluate(
          async ({ path, name, inputs }) => {
            const module = (await import(path)) as Record<string, (...inputs: unknown[]) => Promise<never>>
            return await module[name](...inputs)
          },
          { path, name, inputs },
        )
      const mode = await call<string>('start', backend, ...options)
      return {
        ...{ backend, mode, threads: threadsOf({ mode }) },
        verify: (task) => call('verify', task),
        time: (ms) => call('time', ms),
        close: () => page.close(),
      }
    },
    async close() {
      await browser.close()
      await site.close()
    },
  }
}
