// Which texts a training learns from, and which it is measured on.
import { createRandom } from '../../../engine/random.ts'
import { shuffled } from '../../../engine/train/schedule.ts'

/** BOS and a text’s token ids. */
export type Ids = readonly number[]

/** The texts' share that is held out. */
const HELD_OUT = 0.05

/** Some texts, drawn by the seed, are held out, at least one; the others are trained on. */
export function splitTexts(ids: readonly Ids[], seed: number): { training: Ids[]; heldOut: Ids[] } {
  const held = new Set(shuffled(ids.length, createRandom(seed)).subarray(0, Math.ceil(HELD_OUT * ids.length)))
  return {
    training: ids.filter((_, text) => !held.has(text)),
    heldOut: ids.filter((_, text) => held.has(text)),
  }
}

/** Texts from the first on, until they have so many tokens. */
export function firstTexts(texts: readonly Ids[], tokens: number): Ids[] {
  let before = 0
  return texts.filter(({ length }) => {
    const isNeeded = before < tokens
    before += length - 1
    return isNeeded
  })
}

/** How often the texts come again: few texts are learned by heart. */
export function describeSplit(training: readonly Ids[], heldOut: readonly Ids[], tokens: number): string {
  const own = training.reduce((sum, { length }) => sum + length - 1, 0)
  return `${training.length} texts with ${own} tokens, each read ${(tokens / own).toFixed(1)} times; ${heldOut.length} texts are held out`
}
