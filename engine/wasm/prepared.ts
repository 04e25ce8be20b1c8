// Encoders, tables, norms and caches as the wasm backend keeps them.
import type { Encoder, Norm, RowCache, Table } from '../backend.ts'
import type { Selection } from '../selection.ts'
import { foreignWeights } from '../checks.ts'
import type { WeightSource } from '../weights/weights.ts'
import type { Engine } from './engine.ts'
import type { Arena } from './memory.ts'
import { loadEncoder, type EncoderWeights } from './encoder-weights.ts'
import type { Block, WasmTensor } from './tensors.ts'

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
