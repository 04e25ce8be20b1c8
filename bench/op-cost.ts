// The least that an op must do: operations and bytes.
import { sizeOf, type Shape } from '../engine/tensor.ts'
import type { TextSpan } from '../engine/backend.ts'
import type { OpCall } from './wrap-ops.ts'
import type { Cost } from './rows.ts'

/** The least that an op must do, and its dimensions: rows x in x out for a matrix, else those of its result. */
export interface OpCost extends Cost {
  readonly dimensions: readonly number[]
}

const FLOAT = 4 // bytes

/**
 * Counted as the reference defines the op: one multiplication and one addition per weight, and every operand and
 * result moved once. A kernel that does less, such as a screened sparseEncode, gets a rate above what its arithmetic reaches.
 */
export function opCost(call: OpCall): OpCost {
  switch (call.op) {
    case 'embed': {
      const [table, ids] = call.args
      const width = 'width' in table ? table.width : table.in
      return { flops: 0, bytes: 2 * ids.length * width * FLOAT, dimensions: [ids.length, width] }
    }
    case 'linear': {
      const [x, layer, options] = call.args
      const cost = matrixCost(x.shape[0], layer.in, layer.out)
      return { ...cost, bytes: cost.bytes + (options?.residual ? sizeOf(options.residual.shape) * FLOAT : 0) }
    }
    case 'sparseEncode': {
      const [x, encoder] = call.args
      const { flops, bytes, dimensions } = matrixCost(x.shape[0], encoder.in, encoder.out)
      return { flops, bytes: bytes - x.shape[0] * encoder.out * FLOAT, dimensions } // hardly any outputs are kept
    }
    case 'sparseDecode': {
      const [x, table] = call.args
      const entries = x.values.length
      const bytes = (entries * (table.width + 2) + x.shape[0] * table.width) * FLOAT
      return { flops: 2 * entries * table.width, bytes, dimensions: [...x.shape, table.width] }
    }
    case 'attention': {
      const [q, k, , , texts] = call.args
      const pairs = texts.reduce((sum, text) => sum + pairsOf(text), 0)
      const [queries, width] = q.shape
      const bytes = 2 * (sizeOf(q.shape) + sizeOf(k.shape)) * FLOAT
      return { flops: 4 * pairs * width, bytes, dimensions: [queries, k.shape[0], width] }
    }
    case 'layerNorm':
      return rowCost(call.args[0].shape, 8, 2) // mean, squares, scale and shift
    case 'add':
    case 'subtract':
      return rowCost(call.args[0].shape, 1, 3)
    case 'center':
      return rowCost(call.args[0].shape, 2, 2)
    default:
      throw new Error(`bench: the cost of ${call.op} is not known; add it to bench/op-cost.ts`)
  }
}

/** y = x W + b */
function matrixCost(rows: number, inputs: number, outputs: number): OpCost {
  const numbers = inputs * outputs + outputs + rows * inputs + rows * outputs
  return { flops: 2 * rows * inputs * outputs, bytes: numbers * FLOAT, dimensions: [rows, inputs, outputs] }
}

function rowCost(shape: Shape, flops: number, moved: number): OpCost {
  return { flops: flops * sizeOf(shape), bytes: moved * sizeOf(shape) * FLOAT, dimensions: shape }
}

/** How many pairs of query and key there are: the last `queries` of `keys` positions each look at keys up to their own. */
function pairsOf({ queries, keys }: TextSpan): number {
  return (queries * (2 * keys - queries + 1)) / 2
}
