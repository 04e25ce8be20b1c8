// Which part of a model an op belongs to.
import type { Gpt2Weights } from '../gpt2/weights.ts'
import type { Sae } from '../sae/weights.ts'
import type { OpCall } from './wrap-ops.ts'

/** Every prepared weight of a model, with the name of the part that it belongs to. */
export function modelParts({ lm_head, wpe, blocks, ln_f }: Gpt2Weights): [name: string, weights: object][] {
  const ofBlocks = blocks.flatMap(({ ln_1, attn, ln_2, mlp }, layer): [string, object][] => [
    [`blocks.${layer}.ln_1`, ln_1],
    [`blocks.${layer}.attn.qkv`, attn.q],
    [`blocks.${layer}.attn.qkv`, attn.k],
    [`blocks.${layer}.attn.qkv`, attn.v],
    [`blocks.${layer}.attn.c_proj`, attn.c_proj],
    [`blocks.${layer}.ln_2`, ln_2],
    [`blocks.${layer}.mlp.c_fc, gelu`, mlp.c_fc],
    [`blocks.${layer}.mlp.c_proj`, mlp.c_proj],
  ])
  return [['embedding', wpe], ...ofBlocks, ['ln_f', ln_f], ['unembedding', lm_head]]
}

export function saeParts({ encoder, W_dec }: Sae): [name: string, weights: object][] {
  return [
    ['sae.encode', encoder],
    ['sae.decode', W_dec],
  ]
}

/** The same weights on two backends: from the first's to the second's. */
export function pairWeights(
  ours: readonly [string, object][],
  theirs: readonly [string, object][],
): Map<object, object> {
  return new Map(ours.map(([, weights], index) => [weights, theirs[index][1]]))
}

/** Says which part of the model a call belongs to: by its weights or, if it has none, by what ran before it. */
export function partNamer(parts: readonly [string, object][]): (call: OpCall) => string {
  const names = new Map(parts.map(([name, weights]) => [weights, name]))
  let block = ''
  return (call) => {
    if (call.op === 'attention') return `${block}.attn`
    if (call.op === 'embed' || call.op === 'add') return 'embedding' // wte's rows, wpe's rows, their sum
    if (call.op === 'center' || call.op === 'subtract') return 'sae.encode' // what comes before the encoder
    const name = (call.args as unknown[]).map((arg) => names.get(arg as object)).find((found) => found)
    if (!name)
      throw new Error(`bench: ${call.op} with weights of no known part; name it in bench/model-parts.ts`)
    block = /^blocks\.\d+/.exec(name)?.[0] ?? block
    return name
  }
}
