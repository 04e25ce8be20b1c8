// How well next tokens are predicted.
import type { Backend, DeviceTensor } from '../engine/backend.ts'
import type { Hook, HookTable } from './hooks.ts'
import { run, type Gpt2 } from './model.ts'

/** Rows whose logits exist at once: 26 MB of GPT-2's. */
const ROWS_AT_ONCE = 128

/**
 * The cross-entropy of each text in nats: -log p(next token | those before), summed over every prediction but the last,
 * which has no answer. The prediction at BOS counts. The logits of all tokens are never held at once.
 * texts: ids, at least two each
 */
export async function textLosses(
  model: Gpt2,
  texts: readonly (readonly number[])[],
  hooks: HookTable = {},
): Promise<number[]> {
  for (const ids of texts)
    if (ids.length < 2)
      throw new Error(`textLosses: a text of ${ids.length} ids; at least 2 make a prediction and its answer`)
  const losses: number[] = []
  const last = 'unembed.hook_in'
  const readLosses: Hook = async (x, ops) => {
    const ofRows = await nextTokenLosses(ops, model, x, texts)
    let row = 0
    for (const { length } of texts) {
      losses.push(sum(ofRows.subarray(row, row + length - 1)))
      row += length
    }
  }
  await run(model, texts, { ...hooks, [last]: [hooks[last] ?? [], readLosses].flat() })
  return losses
}

/** A text's mean cross-entropy in nats per token: see textLosses. */
export async function meanLoss(model: Gpt2, ids: readonly number[], hooks?: HookTable): Promise<number> {
  const [loss] = await textLosses(model, [ids], hooks)
  return loss / (ids.length - 1)
}

/** normalized [tokens, dModel], of all texts -> -log p(next token) of each row; a text's last row has no meaning. */
async function nextTokenLosses(
  ops: Backend,
  { weights }: Gpt2,
  normalized: DeviceTensor,
  texts: readonly (readonly number[])[],
): Promise<Float32Array> {
  const targets = texts.flatMap((ids) => [...ids.slice(1), 0])
  const losses = new Float32Array(targets.length)
  for (let first = 0; first < targets.length; first += ROWS_AT_ONCE) {
    const some = targets.slice(first, first + ROWS_AT_ONCE)
    await ops.scope(async (ops) => {
      const rows = await ops.takeRows(
        normalized,
        some.map((_, i) => first + i),
      )
      const logits = await ops.linear(rows, weights.lm_head) // [rows, dVocab]
      losses.set((await ops.download(await ops.crossEntropy(logits, some))).data, first)
    })
  }
  return losses
}

function sum(numbers: Float32Array): number {
  return numbers.reduce((total, number) => total + number, 0)
}
