// Activations of the clean text put into the corrupted one, place by place; and what gradients say that would do.
import type { Tensor } from '../../engine/tensor.ts'
import type { LogitQuestion } from '../../gpt2/attribution.ts'
import { hookGradients } from '../../gpt2/hook-gradients.ts'
import { capture, type Gpt2 } from '../../gpt2/model.ts'
import { createProgress } from '../lab/cli/progress.ts'
import {
  answersWith,
  PATCHED,
  patcher,
  slotsOf,
  slotStart,
  type PatchedSite,
  type Slot,
} from '../lab/analysis/intervene.ts'

/** A hook, or one head of it, token by token. */
export interface PatchedRow {
  readonly hook: string
  readonly layer: number
  readonly site: PatchedSite
  readonly head: number | null
  /** By how much the number asked for rises, at each of the positions. */
  readonly patching: readonly number[]
  /** The same by the gradient on the corrupted text: attribution patching. */
  readonly attribution: readonly number[]
}

export interface Patching {
  /** The number asked for, of the corrupted text. */
  readonly corrupted: number
  /** Those patched: from the first at which the texts differ. Before it there is nothing to put. */
  readonly positions: readonly number[]
  readonly rows: readonly PatchedRow[]
}

/** clean, corrupted: as many ids, BOS first */
export async function patch(
  model: Gpt2,
  clean: readonly number[],
  corrupted: readonly number[],
  question: LogitQuestion,
  quiet: boolean,
): Promise<Patching> {
  const { nLayers, nHeads } = model.config
  const first = clean.findIndex((id, i) => id !== corrupted[i])
  const positions = Array.from({ length: clean.length - first }, (_, i) => first + i)
  const places = positions.map((position) => ({ from: position, into: position }))
  const hooks = Array.from({ length: nLayers }, (_, layer) =>
    PATCHED.map((site) => ({ layer, site, hook: `blocks.${layer}.${site}` })),
  ).flat()
  const names = hooks.map(({ hook }) => hook)
  const source = await capture(model, [clean], names)
  const into = await hookGradients(model, [corrupted], question, names)
  using progress = createProgress({
    label: 'patching',
    total: nLayers * (PATCHED.length - 1 + nHeads) * positions.length,
    unit: 'places',
    quiet,
  })
  let done = 0
  const rows: PatchedRow[] = []
  for (const { layer, site, hook } of hooks) {
    const [from, to] = [into.activations.get(hook)!, source.get(hook)!]
    for (const slot of slotsOf(site, model.config)) {
      const put = patcher(from, to, slot, places)
      const interventions = { hook, shape: from.shape, count: positions.length, put }
      const answers = await answersWith(model, corrupted, question, interventions, (copies) =>
        progress.update((done += copies)),
      )
      const gradient = into.gradients.get(hook)!
      rows.push({
        ...{ hook, layer, site, head: slot.head },
        patching: answers.map((answer) => answer - into.logits[0]),
        attribution: positions.map((position) => firstOrder(gradient, from, to, slot, position)),
      })
    }
  }
  return { corrupted: into.logits[0], positions, rows }
}

/** gradient . (clean - corrupted), in the slot at a position */
function firstOrder(
  gradient: Tensor,
  corrupted: Tensor,
  clean: Tensor,
  slot: Slot,
  position: number,
): number {
  const at = slotStart(gradient, slot, position)
  let sum = 0
  for (let i = at; i < at + slot.size; i++) sum += gradient.data[i] * (clean.data[i] - corrupted.data[i])
  return sum
}
