// All kernels, in one module.
import { add, subtract } from './add.ts'
import { attention } from './attention.ts'
import { center } from './center.ts'
import { crossEntropy } from './cross-entropy.ts'
import { moduleBytes, type NamedFunc } from './function.ts'
import { geluErf } from './gelu-erf.ts'
import { gelu } from './gelu.ts'
import { emitterFor, type KernelOptions } from './emitter.ts'
import type { KERNELS } from './kernels.ts'
import { klDivergence } from './kl-divergence.ts'
import { layerNorm } from './layer-norm.ts'
import { linear } from './linear.ts'
import { meanRows } from './mean-rows.ts'
import { preActivations } from './pre-activations.ts'
import { relu } from './relu.ts'
import { screenKernels } from './screen/kernels.ts'
import { select } from './select.ts'
import { softmax } from './softmax.ts'
import { sparseDecode } from './sparse-decode.ts'
import { tileOfAnySize } from './tile.ts'
import { largest } from './top-k.ts'

/** The module's bytes; its only import is the memory (see instance.ts). */
export function kernelModule(options: KernelOptions): Uint8Array<ArrayBuffer> {
  return moduleBytes(emitKernels(options), options)
}

function emitKernels(options: KernelOptions) {
  const emitter = emitterFor(options)
  const anyTile = tileOfAnySize(emitter)
  return {
    linear: linear(emitter, anyTile),
    attention: attention(emitter, anyTile),
    layerNorm: layerNorm(emitter),
    softmax: softmax(emitter),
    crossEntropy: crossEntropy(emitter),
    klDivergence: klDivergence(emitter),
    largest: largest(),
    center: center(),
    gelu: gelu(emitter),
    geluErf: geluErf(emitter),
    relu: relu(),
    add: add(),
    subtract: subtract(),
    meanRows: meanRows(),
    select: select(),
    preActivations: preActivations(emitter),
    sparseDecode: sparseDecode(emitter),
    ...screenKernels(emitter),
  } satisfies { [K in keyof typeof KERNELS]: NamedFunc<(typeof KERNELS)[K], never> }
}
