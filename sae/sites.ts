// The places of a block that an SAE can read or rebuild, and the kind of activation at each.

/**
 * In the order the forward pass reaches them. `stream`: the residual stream, or what is added to it. Its mean over d_model is
 * read by no later layer, and is subtracted from what an SAE is trained on if the model's writing weights were centred
 * (TransformerLens' center_writing_weights). `heads`: the outputs of the attention heads, side by side, before W_O writes them into
 * the stream. `normalized`: the stream as LayerNorm leaves it, before its weight and bias.
 */
const SITES = {
  hook_resid_pre: 'stream',
  'attn.hook_z': 'heads',
  hook_attn_out: 'stream',
  hook_resid_mid: 'stream',
  'ln2.hook_normalized': 'normalized',
  hook_mlp_out: 'stream',
  hook_resid_post: 'stream',
} as const

interface Site {
  readonly layer: number
  /** What stands there. */
  readonly holds: (typeof SITES)[keyof typeof SITES]
  /** Rises as the forward pass goes on. */
  readonly order: number
}

/** Where in the model a hook is, e.g. `blocks.6.hook_resid_pre`; undefined if no SAE can be run there. */
export function siteOf(hook: string): Site | undefined {
  const [, layer, place] = /^blocks\.(\d+)\.(.*)$/.exec(hook) ?? []
  const index = Object.keys(SITES).indexOf(place)
  if (index < 0) return undefined
  return { layer: Number(layer), holds: Object.values(SITES)[index], order: Number(layer) * 10 + index }
}

/** All of them, for messages. */
export const siteNames = Object.keys(SITES)
  .map((place) => `blocks.N.${place}`)
  .join(', ')
