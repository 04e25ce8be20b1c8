// Hooks by layer, and several tables of them as one.
import type { Hook, HookTable } from '../../../gpt2/hooks.ts'

/** Tables of hooks as one: where several stand at one point, they run in the order of the tables. */
export function joinHooks(...tables: readonly HookTable[]): HookTable {
  const joined: Record<string, Hook[]> = {}
  for (const table of tables)
    for (const [name, hooks] of Object.entries(table)) (joined[name] ??= []).push(...[hooks].flat())
  return joined
}

/**
 * The layer that a hook of the residual stream stands for: that of the block it enters. The stream that leaves
 * block 11, `blocks.11.hook_resid_post`, enters no block: it is layer 12, after the last.
 */
export function layerOf(hook: string): number {
  const [, layer, place] = /^blocks\.(\d+)\.(.*)$/.exec(hook) ?? []
  return Number(layer) + (place === 'hook_resid_post' ? 1 : 0)
}
