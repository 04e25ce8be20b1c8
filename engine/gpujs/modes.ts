// gpu.js' modes: what each needs here, and what really ran.

/** The ways gpu.js can run a kernel. */
export const modes = ['cpu', 'webasm', 'webgl2', 'webgpu'] as const
export type Mode = (typeof modes)[number]

/** Modes whose tensors live on the GPU; the others compute in host memory. */
export function isGpu(mode: Mode): boolean {
  return mode === 'webgl2' || mode === 'webgpu'
}

/** The part of gpu.js that the backend uses; its own types have `any` in most places. */
export interface GpuJs {
  GPU: {
    new (settings: { mode: Mode }): GpuInstance
    readonly isWebGL2Supported: boolean
    isWebGPUAvailable(): Promise<boolean>
  }
  input(numbers: Float32Array, size: number[]): unknown
}

export interface GpuInstance {
  createKernel(kernel: unknown, settings: Readonly<Record<string, unknown>>): RunnableKernel
  destroy(): Promise<void>
}

export interface RunnableKernel {
  (...inputs: unknown[]): Promise<unknown>
  setOutput(size: readonly number[]): void
  destroy(): void
  /** What runs underneath: gpu.js replaces it when it falls back. */
  readonly kernel: {
    readonly constructor: { readonly mode: string }
    readonly fallbackReason: string | null
    readonly context: unknown
  }
}

/**
 * Loaded only when a gpujs backend starts: other commands do not pay for it. A CommonJS package: all is in its default.
 * @throws if it is not installed, as where clearbox is used as a package
 */
export async function loadGpuJs(): Promise<GpuJs> {
  try {
    const { default: gpujs } = (await import('gpu.js')) as unknown as { default: GpuJs }
    return gpujs
  } catch (error) {
    throw new Error(
      `gpujs: the package gpu.js does not load: npm install gpu.js (${(error as Error).message})`,
      {
        cause: error,
      },
    )
  }
}

export function cannotRun(mode: Mode, reason: string, cause?: unknown): Error {
  return new Error(`gpujs:${mode} cannot run here: ${reason}`, { cause })
}

/** @throws with the reason if this mode cannot run here */
export async function checkMode({ GPU }: GpuJs, mode: Mode): Promise<void> {
  const cannot = (reason: string) => cannotRun(mode, reason)
  if (mode === 'cpu' && !canMakeFunctions())
    throw cannot(
      "the Content-Security-Policy forbids making functions from source; allow script-src 'unsafe-eval' (a worker may have a policy of its own), or take gpujs:webasm",
    )
  if (mode === 'webasm' && typeof WebAssembly === 'undefined') throw cannot('there is no WebAssembly')
  if (mode === 'webgl2' && !GPU.isWebGL2Supported)
    throw cannot('there is no WebGL2 context; run it in a browser with WebGL2, or take gpujs:webasm')
  if (mode === 'webgpu') await checkWebGpu(GPU)
}

async function checkWebGpu(GPU: GpuJs['GPU']): Promise<void> {
  const { driverAdvice, provideWebGpu } = await import('#webgpu')
  await provideWebGpu().catch((error: Error) => {
    throw cannotRun('webgpu', error.message, error)
  })
  if (!('gpu' in (globalThis.navigator ?? {})))
    throw cannotRun(
      'webgpu',
      'there is no navigator.gpu; run it in a browser with WebGPU, or take gpujs:webasm',
    )
  if (!(await GPU.isWebGPUAvailable()))
    throw cannotRun('webgpu', `WebGPU is there, but no adapter answers${driverAdvice}`)
}

function canMakeFunctions(): boolean {
  // WORKAROUND, fault 7 in FAULTS.md: mode cpu is made by `new Function`, and the reason is lost where that is forbidden.
  try {
    Reflect.construct(Function, [])
    return true
  } catch {
    return false
  }
}

/** @throws if this kernel did not run in the requested mode */
export function checkRan(mode: Mode, { kernel }: RunnableKernel): void {
  const ran = modeOf(kernel)
  if (ran !== mode || kernel.fallbackReason)
    throw new Error(
      `gpujs:${mode}: gpu.js ran a kernel as ${ran} instead: ${kernel.fallbackReason ?? 'it gives no reason'}`,
    )
}

function modeOf({ constructor, context }: RunnableKernel['kernel']): string {
  // WORKAROUND, fault 2 in FAULTS.md: every WebGL kernel says `gpu`, WebGL1's and WebGL2's alike.
  const isWebGl2 = typeof WebGL2RenderingContext !== 'undefined' && context instanceof WebGL2RenderingContext
  return constructor.mode === 'gpu' && isWebGl2 ? 'webgl2' : constructor.mode
}

interface WebGpuContext {
  readonly adapter: {
    readonly info?: { vendor: string; architecture: string; device: string; description: string }
    readonly limits: { readonly maxStorageBufferBindingSize: number }
  }
}

/** What computes on a GPU mode, and how much of it one tensor may take. */
export interface Adapter {
  /** Its name, and whether it is software. */
  readonly description: string
  /** The most bytes of a tensor: WebGPU binds no more at once, a texture holds no more texels. */
  readonly mostBytes: number
  /** WebGL: how wide and how high a texture may be. */
  readonly texelsASide: number
}

export function adapterOf(mode: Mode, context: unknown): Adapter {
  if (mode === 'webgpu') {
    const { adapter } = context as WebGpuContext
    const mostBytes = adapter.limits.maxStorageBufferBindingSize
    return { description: describe(webGpuName(adapter)), mostBytes, texelsASide: Infinity }
  }
  const gl = context as WebGL2RenderingContext
  const texelsASide = gl.getParameter(gl.MAX_TEXTURE_SIZE) as number
  return { description: describe(webGlName(gl)), mostBytes: texelsASide ** 2 * 4, texelsASide }
}

function describe(name: string): string {
  const software = /swiftshader|llvmpipe|lavapipe|software|basic render/i.test(name)
  return `${name} (${software ? 'software' : 'hardware'})`
}

function webGpuName(adapter: WebGpuContext['adapter']): string {
  const { vendor = '', architecture = '', device = '', description = '' } = adapter.info ?? {}
  return (
    [vendor, architecture, device, description].filter((part) => part !== '').join(' ') || 'unnamed adapter'
  )
}

function webGlName(gl: WebGL2RenderingContext): string {
  const extension = gl.getExtension('WEBGL_debug_renderer_info')
  return String(gl.getParameter(extension?.UNMASKED_RENDERER_WEBGL ?? gl.RENDERER))
}
