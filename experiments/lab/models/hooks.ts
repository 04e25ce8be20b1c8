// Hooks by layer.

/**
 * The layer that a hook of the residual stream stands for: that of the block it enters. The stream that leaves
 * block 11, `blocks.11.hook_resid_post`, enters no block: it is layer 12, after the last.
 */
export function layerOf(hook: string): number {
  const [, layer, place] = /^blocks\.(\d+)\.(.*)$/.exec(hook) ?? []
  return Number(layer) + (place === 'hook_resid_post' ? 1 : 0)
}
