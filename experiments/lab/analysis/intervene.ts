// What the model says when the activation at one hook is replaced, by another text's for instance.
import { sizeOf, Tensor, type Shape } from '../../../engine/tensor.ts'
import { answerOf, type LogitQuestion } from '../../../gpt2/attribution.ts'
import type { Gpt2Config } from '../../../gpt2/config.ts'
import type { HookTable } from '../../../gpt2/hooks.ts'
import { run, type Gpt2 } from '../../../gpt2/model.ts'
import { batches, eventsHandled } from '../models/features.ts'

/** Copies of one text, each with its own activation at the hook. */
interface Interventions {
  readonly hook: string
  /** The shape of one copy's activation, [tokens, ...]. */
  readonly shape: Shape
  readonly count: number
  /** Writes copy `i`'s activation into `activation`, whose old content does not matter. */
  readonly put: (i: number, activation: Float32Array) => void
}

/**
 * The requested number for each copy; many copies go through the model at once.
 * @param hooks further hooks, which only read
 */
export async function answersWith(
  model: Gpt2,
  ids: readonly number[],
  question: LogitQuestion,
  { hook, shape: [tokens, ...rest], count, put }: Interventions,
  onDone: (copies: number) => void = () => {},
  hooks: HookTable = {},
): Promise<number[]> {
  const answers: number[] = []
  for (const copies of batches(Array.from({ length: count }, () => ids))) {
    const activation = Tensor.zeros([copies.length * tokens, ...rest])
    const size = activation.data.length / copies.length
    for (const copy of copies.keys())
      put(answers.length + copy, activation.data.subarray(copy * size, (copy + 1) * size))
    await run(
      model,
      copies,
      {
        ...hooks,
        [hook]: (_, ops) => Promise.resolve(ops.upload(activation)),
        logits: async (x, ops) => {
          const logits = await ops.download(x)
          for (const copy of copies.keys()) answers.push(answerOf(logits.row(copy), question))
        },
      },
      { lastOnly: true },
    )
    onDone(copies.length)
    await eventsHandled() // Ctrl-C is heard
  }
  return answers
}

/** What is patched in each block, the heads of hook_z one by one. */
export const PATCHED = ['hook_resid_pre', 'hook_attn_out', 'hook_mlp_out', 'attn.hook_z'] as const
export type PatchedSite = (typeof PATCHED)[number]

/** Numbers of a token that can be replaced: where they begin, and how many they are. */
export interface Slot {
  readonly head: number | null
  readonly from: number
  readonly size: number
}

export function slotsOf(site: PatchedSite, { nHeads, dHead, dModel }: Gpt2Config): Slot[] {
  if (site !== 'attn.hook_z') return [{ head: null, from: 0, size: dModel }]
  return Array.from({ length: nHeads }, (_, head) => ({ head, from: head * dHead, size: dHead }))
}

/** Where a slot of a token's numbers begins. */
export function slotStart({ shape }: Tensor, { from }: Slot, position: number): number {
  return position * sizeOf(shape.slice(1)) + from
}

/** A position of the source text, and the position of the receiving text. */
export interface Place {
  readonly from: number
  readonly into: number
}

/** Copy `i` is a text's activation with the other's in the slot at place `i`. into, source: [tokens, ...] of each text */
export function patcher(into: Tensor, source: Tensor, slot: Slot, places: readonly Place[]) {
  return (i: number, activation: Float32Array): void => {
    activation.set(into.data)
    const at = slotStart(source, slot, places[i].from)
    activation.set(source.data.subarray(at, at + slot.size), slotStart(into, slot, places[i].into))
  }
}
