// All kernels of the screen.
import type { Emitter } from '../emitter.ts'
import { boundTest } from './bound-test.ts'
import { int8Products } from './int8-tile.ts'
import { quantizeFeatures } from './quantize-features.ts'
import { quantizeRows } from './quantize-rows.ts'
import { computeCandidates } from './recompute.ts'
import { countEntries, scatter } from './scatter.ts'

export function screenKernels(emitter: Emitter) {
  return {
    quantizeFeatures: quantizeFeatures(emitter),
    quantizeRows: quantizeRows(),
    int8Products: int8Products(emitter),
    boundTest: boundTest(emitter),
    computeCandidates: computeCandidates(emitter),
    countEntries: countEntries(),
    scatter: scatter(),
  }
}
