// All kernels, in one module.
import { adamW, squares } from './adam.ts'
import { add, subtract } from './add.ts'
import { attention } from './attention.ts'
import { mixOfOne, scoresOfOne } from './attention-one.ts'
import { center } from './center.ts'
import { copyStrided } from './copy-strided.ts'
import { crossEntropy } from './cross-entropy.ts'
import { crossEntropyBackward } from './cross-entropy-backward.ts'
import { moduleBytes, type NamedFunc } from './function.ts'
import { geluErf } from './gelu-erf.ts'
import { gelu } from './gelu.ts'
import { geluBackward } from './gelu-backward.ts'
import { emitterFor, type KernelOptions } from './emitter.ts'
import type { KERNELS } from './kernels.ts'
import { klDivergence } from './kl-divergence.ts'
import { layerNorm } from './layer-norm.ts'
import { layerNormBackward } from './layer-norm-backward.ts'
import { linear } from './linear.ts'
import { reluBackward } from './linear-backward.ts'
import { meanRows } from './mean-rows.ts'
import { preActivations } from './pre-activations.ts'
import { relu } from './relu.ts'
import { scaleRows } from './row-lengths.ts'
import { screenKernels } from './screen/kernels.ts'
import { select, selectListed } from './select.ts'
import { softmax } from './softmax.ts'
import { softmaxBackward } from './softmax-backward.ts'
import { sparseDecode } from './sparse-decode.ts'
import { sparseDot } from './sparse-decode-backward.ts'
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
    scoresOfOne: scoresOfOne(emitter),
    mixOfOne: mixOfOne(emitter, anyTile),
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
    copyStrided: copyStrided(),
    crossEntropyBackward: crossEntropyBackward(emitter),
    geluBackward: geluBackward(emitter),
    reluBackward: reluBackward(),
    layerNormBackward: layerNormBackward(emitter),
    softmaxBackward: softmaxBackward(),
    squares: squares(),
    adamW: adamW(emitter),
    scaleRows: scaleRows(emitter, false),
    addScaledRows: scaleRows(emitter, true),
    sparseDot: sparseDot(),
    select: select(),
    selectListed: selectListed(),
    preActivations: preActivations(emitter),
    sparseDecode: sparseDecode(emitter),
    ...screenKernels(emitter),
  } satisfies { [K in keyof typeof KERNELS]: NamedFunc<(typeof KERNELS)[K], never> }
}
