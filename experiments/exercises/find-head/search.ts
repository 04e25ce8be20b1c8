// What one head's attention says of it, and the bundled model's own heads.
import { createBackend, defaultBackend } from '../../../engine/backends.ts'
import { textLosses } from '../../../gpt2/loss.ts'
import { capture, type Gpt2 } from '../../../gpt2/model.ts'
import { changeHooks } from '../../lab/models/change-hooks.ts'
import { openModel } from '../../lab/models/models.ts'
import { OWN_TEXTS, textsNamed } from '../../lab/texts/named-texts.ts'
import { tokenizeTexts } from '../../lab/texts/tokenize-texts.ts'

/** [layer][head][query][key]: the share of a key in what a query gets; 0 for keys ahead of it. */
export type Patterns = number[][][][]
export type FindHead = (patterns: Patterns, distance: number) => readonly [layer: number, head: number]

/** The mean share of the token `distance` places before, over all queries from `first`. */
export function meanShare(pattern: number[][], distance: number, first = distance + 1): number {
  const rows = pattern.slice(first)
  return rows.reduce((sum, row, i) => sum + row[first + i - distance], 0) / rows.length
}

/** Tokens of each of our own texts that are read, beside BOS. */
const LENGTH = 20

/** What `find` finds in the bundled model: on the beginnings of our own texts, and on the same written twice. */
export async function searchModel(find: FindHead) {
  const ops = await createBackend(defaultBackend)
  try {
    const model = await openModel('tiny', ops, { quiet: true })
    const { gpt2 } = model
    const { ids } = tokenizeTexts(model, await textsNamed({ texts: OWN_TEXTS }))
    const once = ids.filter(({ length }) => length > LENGTH).map((text) => text.slice(0, LENGTH + 1))
    const twice = once.map((text) => [...text, ...text.slice(1)])
    const before = await found(gpt2, once, find, 1)
    const off = await changeHooks(gpt2.config, [], [{ kind: 'head', ...before }])
    return {
      before,
      /** What a head of equal shares would give to the token before. */
      even: meanShare(
        Array.from({ length: LENGTH + 1 }, (_, query) => once[0].map(() => 1 / (query + 1))),
        1,
      ),
      /** What it costs to switch that head off, nats per token. */
      cost: (await meanLoss(gpt2, once, off)) - (await meanLoss(gpt2, once)),
      /** The token that followed when this one was last read lies LENGTH - 1 places before. */
      followed: await found(gpt2, twice, find, LENGTH - 1),
    }
  } finally {
    await ops.dispose()
  }
}

async function found(gpt2: Gpt2, texts: readonly (readonly number[])[], find: FindHead, distance: number) {
  const patterns = await meanPatterns(gpt2, texts)
  const [layer, head] = find(structuredClone(patterns), distance)
  return { layer, head, share: meanShare(patterns[layer][head], distance) }
}

/** The mean of the patterns of texts of one length: a pattern like any other, for its rows still sum to 1. */
async function meanPatterns(gpt2: Gpt2, texts: readonly (readonly number[])[]): Promise<Patterns> {
  const { nLayers, nHeads } = gpt2.config
  const tokens = texts[0].length
  const hooks = Array.from({ length: nLayers }, (_, layer) => `blocks.${layer}.attn.hook_pattern`)
  const zeros = (count: number) => Array.from({ length: count }, () => 0)
  const mean = hooks.map(() => zeros(nHeads).map(() => zeros(tokens).map(() => zeros(tokens))))
  for (const text of texts) {
    const seen = await capture(gpt2, [text], hooks) // [heads, queries, keys] each
    for (const [layer, hook] of hooks.entries())
      for (const [i, share] of seen.get(hook)!.data.entries()) {
        const row = mean[layer][Math.floor(i / tokens ** 2)][Math.floor(i / tokens) % tokens]
        row[i % tokens] += share / texts.length
      }
  }
  return mean
}

async function meanLoss(...args: Parameters<typeof textLosses>): Promise<number> {
  const losses = await textLosses(...args)
  return losses.reduce((sum, loss) => sum + loss, 0) / losses.length / LENGTH
}
