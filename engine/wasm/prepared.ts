// Encoders, tables, norms and caches as the wasm backend keeps them.
import type { Encoder, Norm, RowCache, Table } from '../backend.ts'
import type { Selection } from '../selection.ts'
import { foreignWeights } from '../checks.ts'
import { freedOnFailure } from '../scope.ts'
import { sizeOf } from '../tensor.ts'
import { forEachRowBlock, type WeightSource } from '../weights/weights.ts'
import type { Engine } from './engine.ts'
import type { Arena } from './memory.ts'
import { loadEncoder, type EncoderWeights } from './encoder-weights.ts'
import { READ_AT_ONCE } from './panels.ts'
import { Block, freeBlock, type WasmTensor } from './tensors.ts'

export interface PackedEncoder extends Encoder {
  readonly layer: EncoderWeights
}

export interface WasmTable extends Table {
  readonly block: Block
}

export interface WasmNorm extends Norm {
  readonly weight: WasmTensor
  readonly bias: WasmTensor
}

export interface WasmCache extends RowCache {
  readonly block: Block
  length: number
}

/** Reads a whole weight into a block of its own, which no scope frees. */
export async function loadBlock(arena: Arena, weight: WeightSource): Promise<Block> {
  return freedOnFailure(freeBlock, async (keep) => {
    const block = keep(new Block(arena, sizeOf(weight.shape) * 4, weight.name))
    const width = weight.shape.at(-1) ?? 1
    await forEachRowBlock(weight, READ_AT_ONCE, (rows, firstRow) =>
      arena.floats(block.address + firstRow * width * 4, rows.length).set(rows),
    )
    return block
  })
}

/** Reads an encoder's weight [in, out]. @throws if bias or threshold is not [out], or k not from 1 to out */
export async function prepareEncoder(
  engine: Engine,
  weight: WeightSource,
  bias: WeightSource,
  selection: Selection = { keep: 'positive' },
): Promise<PackedEncoder> {
  const layer = await loadEncoder(engine, weight, bias, selection)
  return { in: layer.in, out: layer.out, keep: selection.keep, layer }
}

/** The address of prepared weights, or a cache. @throws if they are not in `arena`, or were released */
export function live(op: string, block: Block | undefined, arena: Arena): number {
  if (block?.arena !== arena) throw foreignWeights(op, 'wasm')
  if (block.isFreed) throw new Error(`${op}: these weights, or this cache, were released`)
  return block.address
}
