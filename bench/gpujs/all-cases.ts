// All cases of `bench gpujs`, in the order of its table.
import { blockCases } from './block-cases.ts'
import type { OpCase } from './case.ts'
import { kernelVariants } from './kernel-variants.ts'
import { opCases } from './op-cases.ts'
import { prefillCases } from './prefill.ts'

/** Every op at `tokens` tokens, then a block, then naive and better kernels, then passes through the whole model. */
export function allCases(tokens: number, prefill: readonly number[]): readonly OpCase[] {
  return [...opCases(tokens), ...blockCases(tokens), ...kernelVariants(tokens), ...prefillCases(prefill)]
}
