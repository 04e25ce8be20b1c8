// The hooks that make changes to a model, whether it reads or writes.
import { Tensor } from '../../../engine/tensor.ts'
import type { Gpt2Config } from '../../../gpt2/config.ts'
import { onHost, type Hook, type HookTable } from '../../../gpt2/hooks.ts'
import { decoderRows } from '../../../sae/decoder.ts'
import { directionAt, liveEdit } from '../../../sae/edit.ts'
import type { Sae } from '../../../sae/weights.ts'
import type { Change } from './changes.ts'
import { joinHooks } from './hooks.ts'

/**
 * Hooks for one text, from BOS on. They take rows as they come, so they work for a single pass and with a KV cache. The changes
 * of one layer are made in order, each to the result of the one before.
 * @param saes by layer: the SAEs whose features are changed
 * @param edit changes to parts that the model has, as checked by `lackedBy`
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
