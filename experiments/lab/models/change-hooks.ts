// What makes changes to a model: hooks, for reading and for writing alike.
import { Tensor } from '../../../engine/tensor.ts'
import type { Gpt2Config } from '../../../gpt2/config.ts'
import { onHost, type Hook, type HookTable } from '../../../gpt2/hooks.ts'
import { decoderRows } from '../../../sae/decoder.ts'
import { directionAt, liveEdit } from '../../../sae/edit.ts'
import type { Sae } from '../../../sae/weights.ts'
import type { Change } from './changes.ts'
import { joinHooks } from './hooks.ts'

/**
 * Hooks for one text, from BOS on: features see rows as they come, so that they serve a single pass and a KV cache. Changes
 * of one layer are made in their order, each on what the one before has left.
 * @param saes by layer: those of the features that are changed
 * @param edit changes of what the model has, as `lackedBy` finds
 */
export async function changeHooks(
  config: Gpt2Config,
  saes: readonly (Sae | undefined)[],
  edit: readonly Change[],
): Promise<HookTable> {
  return joinHooks(...(await Promise.all(edit.map((change) => hooksOf(config, saes, change)))))
}

async function hooksOf(
  { dHead, dModel }: Gpt2Config,
  saes: readonly (Sae | undefined)[],
  change: Change,
): Promise<HookTable> {
  if (change.kind === 'head')
    return { [`blocks.${change.layer}.attn.hook_z`]: silenced(change.head * dHead, dHead) }
  if (change.kind === 'neuron')
    return { [`blocks.${change.layer}.mlp.hook_post`]: silenced(change.neuron, 1) }
  const sae = saes[change.layer]!
  const row = (await decoderRows(sae, [change.feature])).row(0)
  const live = change.kind === 'off' ? { kind: change.kind, onFiring() {} } : change
  return liveEdit(sae, change.feature, directionAt(sae.config, row, dModel), live)
}

/** Sets `count` numbers of each token to 0. x [tokens, ...] */
function silenced(from: number, count: number): Hook {
  return onHost(({ shape, data }) => {
    const kept = new Tensor(shape, data.slice())
    const width = data.length / shape[0]
    for (let start = from; start < data.length; start += width) kept.data.fill(0, start, start + count)
    return kept
  })
}
