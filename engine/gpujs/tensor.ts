// A tensor of the gpu.js backend, in host memory or on the GPU.
import type { DeviceTensor } from '../backend.ts'
import { Tensor, showShape, type Shape } from '../tensor.ts'
import type { Mode } from './modes.ts'

/** What gpu.js returns instead of numbers that stay on the GPU: a texture or a buffer. */
export interface GpuHandle {
  /** How its numbers lie: gpu.js compiles a program for one type. */
  type: string
  output: readonly number[]
  /** WebGL: the x, y and z that a kernel's indices are counted in. */
  dimensions?: readonly number[]
  /** WebGPU: how many numbers each thread wrote. */
  componentCount?: number
  toArray(): unknown
  clone(): GpuHandle
  delete(): void
}

/** Where the numbers are: in host memory (modes cpu and webasm, or not uploaded yet), or on the GPU. */
export type Storage = Float32Array | GpuHandle

/** What a tensor knows about the device that made it (device.ts). */
export interface TensorOwner {
  readonly mode: Mode
  /** Tensors that hold GPU memory. */
  readonly alive: Set<GpuTensor>
}

/** A tensor of the gpu.js backend. `using` frees it at the end of a block. */
export class GpuTensor implements DeviceTensor {
  readonly device: TensorOwner
  readonly shape: Shape
  #storage: Storage | undefined

  constructor(device: TensorOwner, shape: Shape, storage: Storage) {
    this.device = device
    this.shape = shape
    this.#storage = storage
    if (!(storage instanceof Float32Array)) device.alive.add(this)
  }

  get backend(): string {
    return `gpujs:${this.device.mode}`
  }

  /** @throws if the tensor was freed */
  get storage(): Storage {
    if (!this.#storage)
      throw new Error(
        `gpujs:${this.device.mode}: the tensor ${showShape(this.shape)} was freed; keep it longer`,
      )
    return this.#storage
  }

  /** Puts the numbers on the device for good: a tensor is uploaded once, when a kernel first reads it. */
  moveTo(handle: GpuHandle): void {
    this.#storage = handle
    this.device.alive.add(this)
  }

  /** Takes over another tensor's numbers, of the same size: that one is no more. What it held before is freed. */
  become(other: GpuTensor): void {
    const { storage } = other
    this.free()
    other.#storage = undefined
    this.device.alive.delete(other)
    if (storage instanceof Float32Array) this.#storage = storage
    else this.moveTo(storage)
  }

  /** The same numbers under another shape, freed on its own. */
  reshape(shape: Shape): GpuTensor {
    const { storage } = this
    return new GpuTensor(this.device, shape, storage instanceof Float32Array ? storage : storage.clone())
  }

  free(): void {
    if (this.#storage && !(this.#storage instanceof Float32Array)) this.#storage.delete()
    this.#storage = undefined
    this.device.alive.delete(this)
  }

  [Symbol.dispose](): void {
    this.free()
  }

  async download(): Promise<Tensor> {
    const { storage } = this
    if (storage instanceof Float32Array) return new Tensor(this.shape, storage)
    return new Tensor(this.shape, flatten(await storage.toArray(), this.shape))
  }
}

export const freeTensor = (tensor: GpuTensor): void => tensor.free()

/** gpu.js returns rows of rows of numbers; a tensor is flat. */
export function flatten(nested: unknown, shape: Shape): Float32Array {
  const { data } = Tensor.zeros(shape)
  let at = 0
  const visit = (part: unknown): void => {
    if (part instanceof Float32Array) {
      data.set(part, at)
      at += part.length
    } else if (Array.isArray(part)) part.forEach(visit)
    else if (typeof part === 'number') data[at++] = part
  }
  visit(nested)
  if (at !== data.length)
    throw new Error(`gpujs: gpu.js gave ${at} numbers for the shape ${showShape(shape)}`)
  return data
}
