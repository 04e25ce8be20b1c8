// WebGPU in Node, by the package `webgpu` (Dawn). It takes 132 MB and few need it: an optional peer, loaded when asked for.

interface DawnPackage {
  /** WebGPU's classes and constants, by their global names. */
  readonly globals: object
  /** Options of Dawn -> what a browser has as navigator.gpu. */
  readonly create: (options: readonly string[]) => object
}

/** A name, not a literal: bundlers of pages would look for the package. */
const PACKAGE: string = 'webgpu'

/**
 * Gives Node what gpu.js looks for, navigator.gpu and WebGPU's globals; once given they stay, as a browser's do.
 * Dawn says on stderr what a driver lacks.
 *
 * @throws if the package is not installed, or has no build for this machine
 */
export async function provideWebGpu(): Promise<void> {
  if ('gpu' in globalThis.navigator) return
  const { globals, create } = await loadDawn()
  Object.assign(globalThis, globals)
  Object.defineProperty(globalThis.navigator, 'gpu', { value: create([]), configurable: true })
}

async function loadDawn(): Promise<DawnPackage> {
  try {
    return (await import(/* @vite-ignore */ PACKAGE)) as DawnPackage
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ERR_MODULE_NOT_FOUND')
      throw new Error(
        'Node has WebGPU by the package webgpu only, which is not installed: npm install --no-save --save-dev webgpu@0.6.2 (132 MB), or take gpujs:webasm',
        { cause: error },
      )
    throw new Error(`the package webgpu does not load (${message}); take gpujs:webasm`, { cause: error })
  }
}
