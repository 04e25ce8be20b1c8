// What changes the model as the page asks: hooks, for reading and for writing alike.
import { Tensor } from '../../../engine/tensor.ts'
import { onHost, type Hook, type HookTable } from '../../../gpt2/hooks.ts'
import { decoderRows } from '../../../sae/decoder.ts'
import { directionAt, liveEdit } from '../../../sae/edit.ts'
import type { Change } from '../protocol.ts'
import { Fault } from './fault.ts'
import { saeOf, type Model } from './model.ts'

/**
 * Hooks for one text, from BOS on: features see rows as they come, so that they serve a single pass and a KV cache. Changes
 * of one layer are made in their order, each on what the one before has left.
 * @throws Fault for a feature, head or neuron that there is not
 */
export async function editHooks(model: Model, edit: readonly Change[]): Promise<HookTable> {
  const table: Record<string, Hook[]> = {}
  for (const change of edit)
    for (const [name, hook] of Object.entries(await hooksOf(model, change))) (table[name] ??= []).push(hook)
  return table
}

/** @throws Fault for a feature, head or neuron that there is not */
export function checkEdit(model: Model, edit: readonly Change[]): void {
  const { nLayers, nHeads, dMlp } = model.gpt2.config
  for (const change of edit)
    if (change.kind === 'head') checkPlace('head', change.layer, change.head, nLayers, nHeads)
    else if (change.kind === 'neuron') checkPlace('neuron', change.layer, change.neuron, nLayers, dMlp)
    else saeOf(model, change, 'edit')
}

async function hooksOf(model: Model, change: Change): Promise<Record<string, Hook>> {
  const { dHead, dModel } = model.gpt2.config
  checkEdit(model, [change])
  if (change.kind === 'head')
    return { [`blocks.${change.layer}.attn.hook_z`]: silenced(change.head * dHead, dHead) }
  if (change.kind === 'neuron')
    return { [`blocks.${change.layer}.mlp.hook_post`]: silenced(change.neuron, 1) }
  const sae = saeOf(model, change, 'edit')
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

function checkPlace(what: string, layer: number, number: number, layers: number, count: number): void {
  const inRange = (value: number, end: number): boolean =>
    Number.isInteger(value) && value >= 0 && value < end
  if (!inRange(layer, layers))
    throw new Fault('edit', `There is no layer ${layer}.`, `There are layers 0 to ${layers - 1}.`)
  if (!inRange(number, count))
    throw new Fault('edit', `Layer ${layer} has no ${what} ${number}.`, `It has ${what}s 0 to ${count - 1}.`)
}
