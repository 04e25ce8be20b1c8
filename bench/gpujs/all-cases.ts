// All cases of `bench gpujs`, in the order of its table.
import { blockCases } from './block-cases.ts'
import type { Case } from './case.ts'
import { kernelVariants } from './kernel-variants.ts'
import { opCases } from './op-cases.ts'

/** Every op at `tokens` tokens, then a block, then kernels naive and better. */
export function allCases(tokens: number): readonly Case[] {
  return [...opCases(tokens), ...blockCases(tokens), ...kernelVariants(tokens)]
}
