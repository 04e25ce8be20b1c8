import type { Engine } from './engine.ts'
import { readColumn, type PackedLinear } from './panels.ts'
import { live, type WasmTable } from './prepared.ts'

/** out[t] = row ids[t] of a table, or column ids[t] of a packed W: the weights into that output. */
export function embed(
  engine: Engine,
  source: WasmTable | PackedLinear,
  ids: readonly number[],
  out: Float32Array,
): void {
  const width = 'rows' in source ? source.width : source.in
  const address = live('embed', 'rows' in source ? source.block : source.weights, engine.arena)
  for (const [t, id] of ids.entries()) {
    const row = out.subarray(t * width, (t + 1) * width)
    if ('rows' in source) row.set(engine.arena.floats(address + id * width * 4, width))
    else readColumn(engine, source, id, row)
  }
}
