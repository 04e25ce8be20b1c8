// Tensors in WebAssembly memory.
import type { DeviceTensor } from '../backend.ts'
import { foreignTensor } from '../checks.ts'
import { showShape, sizeOf, type Shape } from '../tensor.ts'
import type { Arena } from './memory.ts'

/** A piece of the arena that tensors stand on; freed once, and never used after. */
export class Block {
  readonly address: number
  isFreed = false
  readonly arena: Arena

  constructor(arena: Arena, bytes: number, what: string) {
    this.arena = arena
    this.address = arena.allocate(bytes, what)
  }

  free(): void {
    if (!this.isFreed) this.arena.release(this.address)
    this.isFreed = true
  }

  /** `using` frees it at the end of a block. */
  [Symbol.dispose](): void {
    this.free()
  }
}

export const freeBlock = (block: Block): void => block.free()

/** A tensor in WebAssembly memory. Several may stand on one block: reshaped ones, and those a cache gives out. */
export class WasmTensor implements DeviceTensor {
  readonly shape: Shape
  readonly block: Block
  readonly backend = 'wasm'

  constructor(shape: Shape, block: Block) {
    this.shape = shape
    this.block = block
  }

  get size(): number {
    return sizeOf(this.shape)
  }

  get address(): number {
    return this.block.address
  }
}

/** The tensor an op was given. @throws if it does not stand in `arena`, or its memory has been freed */
export function wasmTensor(op: string, x: DeviceTensor, arena: Arena): WasmTensor {
  if (!(x instanceof WasmTensor) || x.block.arena !== arena) throw foreignTensor(op, 'wasm', x)
  if (x.block.isFreed)
    throw new Error(
      `${op}: the tensor ${showShape(x.shape)} was freed: its scope has ended without returning it, or its cache or weights were released`,
    )
  return x
}
