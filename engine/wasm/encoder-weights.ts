// An encoder's weights, feature by feature, as its tiles read them.
import { checkPrepareEncoder } from '../checks.ts'
import { freedOnFailure } from '../scope.ts'
import type { Selection } from '../selection.ts'
import { readTensor, type WeightSource } from '../weights/weights.ts'
import type { Engine } from './engine.ts'
import { packRows } from './loading.ts'
import { Block, freeBlock } from './tensors.ts'
import { ENCODER_GROUP, ENCODER_STEP } from './tile-sizes.ts'

/**
 * W [in, out] as an encoder reads it: [out in whole groups][padded], a feature's numbers side by side, so that one feature
 * alone can be computed without reading any other. What is padding is zero, in the vectors too.
 */
export interface EncoderWeights {
  readonly in: number
  readonly out: number
  /** `in` in whole steps. */
  readonly padded: number
  readonly weights: Block
  readonly bias: Block // [out in whole groups]
  /** What an output is kept above: its threshold, or 0. NaN keeps all. */
  readonly floors: Block // [out in whole groups]
  /** How many of a row's outputs are kept, the largest; 0: all above their floors. */
  readonly k: number
}

/** Reads weight [in, out] and turns it. @throws if bias or threshold is not [out], or k not from 1 to out */
export async function loadEncoder(
  engine: Engine,
  weight: WeightSource,
  bias: WeightSource,
  selection: Selection = { keep: 'positive' },
): Promise<EncoderWeights> {
  const { arena } = engine
  checkPrepareEncoder(weight.shape, bias.shape, selection)
  const [inputs, outputs] = weight.shape
  const padded = wholeSteps(inputs)
  const features = Math.ceil(outputs / ENCODER_GROUP) * ENCODER_GROUP
  return freedOnFailure(freeBlock, async (keep) => {
    const layer = {
      ...{ in: inputs, out: outputs, padded },
      weights: keep(new Block(arena, features * padded * 4, weight.name)),
      bias: keep(new Block(arena, features * 4, `the bias of ${weight.name}`)),
      floors: keep(new Block(arena, features * 4, `the floors of ${weight.name}`)),
      k: selection.keep === 'largest' ? selection.k : 0,
    }
    const turned = () => arena.floats(layer.weights.address, features * padded)
    if (padded > inputs) turned().fill(0)
    else turned().fill(0, outputs * padded)
    // whole cache lines of every feature
    await packRows(engine, weight, ENCODER_STEP, ({ from, first, count }) => {
      const piece = { x: from, rows: count, width: outputs }
      const to = { out: layer.weights.address + first * 4, stride: padded * 4 }
      return engine.runRanged('transpose', { ...piece, ...to }, Math.ceil(outputs / 16), 1)
    })
    const fill = (block: Block, values: ArrayLike<number>) =>
      arena.floats(block.address, features).fill(0).set(values)
    fill(layer.bias, (await readTensor(bias)).data)
    const thresholds = selection.keep === 'above' ? (await readTensor(selection.threshold)).data : []
    fill(
      layer.floors,
      Array.from(thresholds, (threshold) => Math.max(0, threshold)),
    )
    return layer
  })
}

function wholeSteps(inputs: number): number {
  return Math.ceil(inputs / ENCODER_STEP) * ENCODER_STEP
}

/** Rows of x as an encoder reads them: in whole steps, copied if they are not. `using` frees the copy. */
export class PaddedRows {
  readonly address: number
  private readonly copy: Block | undefined

  constructor(engine: Engine, { in: inputs, padded }: EncoderWeights, x: number, rows: number) {
    const { arena } = engine
    if (padded === inputs) this.address = x
    else {
      this.copy = new Block(arena, rows * padded * 4, 'sparseEncode: padded rows')
      this.address = this.copy.address
      const [from, to] = [arena.floats(x, rows * inputs), arena.floats(this.address, rows * padded).fill(0)]
      for (let r = 0; r < rows; r++) to.set(from.subarray(r * inputs, (r + 1) * inputs), r * padded)
    }
  }

  [Symbol.dispose](): void {
    this.copy?.free()
  }
}
