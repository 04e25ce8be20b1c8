import { launchChromium } from '../../test/browser/chromium.ts'
import { serveRepository } from '../../test/browser/serve.ts'

/** Chromium's own choice of GPU, or SwiftShader, which every machine has. */
export const gpuFlags = ['--enable-unsafe-webgpu', '--ignore-gpu-blocklist', '--enable-features=Vulkan']
export const softwareFlags = [
  '--enable-unsafe-webgpu',
  '--use-webgpu-adapter=swiftshader',
  '--use-angle=swiftshader',
  '--enable-unsafe-swiftshader',
  '--ignore-gpu-blocklist',
]

type Answer<Function> = Function extends (...inputs: never[]) => infer Result ? Awaited<Result> : never
type Inputs<Function> = Function extends (...inputs: infer Given) => unknown ? Given : never

/** A page of its own; `call` runs a function that its module exports. */
export interface Page<Module> {
  call<Name extends keyof Module & string>(
    name: Name,
    ...inputs: Inputs<Module[Name]>
  ): Promise<Answer<Module[Name]>>
  close(): Promise<void>
}

export interface Chromium {
  /** `path`: a module of this repository, such as /bench/gpujs/page.ts. */
  open<Module>(path: string): Promise<Page<Module>>
  close(): Promise<void>
}

export async function startChromium(software: boolean): Promise<Chromium> {
  const site = await serveRepository()
  const browser = await launchChromium(software ? softwareFlags : gpuFlags)
  return {
    async open<Module>(path: string): Promise<Page<Module>> {
      const page = await browser.newPage()
      await page.goto(site.url)
      return {
        call: (name, ...inputs) =>
          page.evaluate(
            async ({ path, name, inputs }) => {
              const module = (await import(path)) as Record<string, (...inputs: unknown[]) => unknown>
              return (await module[name](...inputs)) as never
            },
            { path, name, inputs: inputs },
          ),
        close: () => page.close(),
      }
    },
    async close() {
      await browser.close()
      await site.close()
    },
  }
}
