// What a page holds on its GPU, counted where WebGPU and WebGL make and free it. Import before anything computes.

export interface GpuMemory {
  /** WebGPU buffers, or WebGL textures, that are alive. */
  objects: number
  /** Bytes of WebGPU buffers alive; WebGL does not say. */
  bytes: number
  /** The largest WebGPU buffer ever made. */
  largest: number
}

export const memory: GpuMemory = { objects: 0, bytes: 0, largest: 0 }

/** The part of WebGPU that is watched; TypeScript's library does not know WebGPU yet. */
interface BufferLike {
  readonly size: number
  destroy(): void
}
interface DeviceLike {
  createBuffer(settings: { size: number }): BufferLike
}
const page = globalThis as unknown as {
  GPUDevice?: { prototype: DeviceLike }
  GPUBuffer?: { prototype: BufferLike }
}

/** Puts `around` in place of a method; it is given the method, to call. */
function wrap<Owner extends object, Inputs extends unknown[], Result>(
  owner: Owner,
  name: keyof Owner,
  around: (self: Owner, method: (...inputs: Inputs) => Result, inputs: Inputs) => Result,
): void {
  const method = owner[name] as (...inputs: Inputs) => Result
  Object.defineProperty(owner, name, {
    value(this: Owner, ...inputs: Inputs) {
      return around(this, method.bind(this), inputs)
    },
  })
}

if (page.GPUDevice && page.GPUBuffer) {
  const alive = new WeakSet<BufferLike>()
  wrap(page.GPUDevice.prototype, 'createBuffer', (_, create: DeviceLike['createBuffer'], inputs) => {
    const buffer = create(...(inputs as [{ size: number }]))
    alive.add(buffer)
    memory.objects++
    memory.bytes += buffer.size
    memory.largest = Math.max(memory.largest, buffer.size)
    return buffer
  })
  wrap(page.GPUBuffer.prototype, 'destroy', (buffer, destroy: () => void) => {
    if (alive.delete(buffer)) {
      memory.objects--
      memory.bytes -= buffer.size
    }
    destroy()
  })
}

if (typeof WebGL2RenderingContext !== 'undefined') {
  const gl = WebGL2RenderingContext.prototype
  wrap(gl, 'createTexture', (_, create: () => WebGLTexture | null) => {
    memory.objects++
    return create()
  })
  wrap(gl, 'deleteTexture', (context, remove: (texture: WebGLTexture | null) => void, [texture]) => {
    if (texture && context.isTexture(texture)) memory.objects--
    remove(texture)
  })
}
