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

if (page.GPUDevice && page.GPUBuffer) {
  const [device, buffer] = [page.GPUDevice.prototype, page.GPUBuffer.prototype]
  const { createBuffer } = device
  const { destroy } = buffer
  const alive = new WeakSet<BufferLike>()
  device.createBuffer = function (this: DeviceLike, settings) {
    const made = createBuffer.call(this, settings)
    alive.add(made)
    memory.objects++
    memory.bytes += made.size
    memory.largest = Math.max(memory.largest, made.size)
    return made
  }
  buffer.destroy = function (this: BufferLike) {
    if (alive.delete(this)) {
      memory.objects--
      memory.bytes -= this.size
    }
    destroy.call(this)
  }
}

if (typeof WebGL2RenderingContext !== 'undefined') {
  const gl = WebGL2RenderingContext.prototype
  const { createTexture, deleteTexture } = gl
  gl.createTexture = function (this: WebGL2RenderingContext) {
    memory.objects++
    return createTexture.call(this)
  }
  gl.deleteTexture = function (this: WebGL2RenderingContext, texture) {
    if (texture && this.isTexture(texture)) memory.objects--
    deleteTexture.call(this, texture)
  }
}
