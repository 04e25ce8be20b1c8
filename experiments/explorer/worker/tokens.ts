// A text as tokens, and tokens as the page shows them.
import { bosOf, type Gpt2Config } from '../../../gpt2/config.ts'
import { piecesOf } from '../../../gpt2/pieces.ts'
import type { Token } from '../protocol.ts'
import { Fault } from './fault.ts'
import type { Model } from './model.ts'

/** How many attention numbers a run may hold in all layers together: 256 MB. */
const MOST_ATTENTION = 2 ** 26

/** The most tokens of a text, BOS not counted: what the model reads and the page can show. */
export function mostTokens({ nCtx, nLayers, nHeads }: Gpt2Config): number {
  return Math.min(nCtx, Math.floor(Math.sqrt(MOST_ATTENTION / (nLayers * nHeads)))) - 1
}

/**
 * The ids of a text, BOS first; an empty text is BOS alone.
 * @throws Fault if there are more tokens than the model has positions, or the page can show
 */
export function tokenize(model: Model, text: string): number[] {
  const { config } = model.gpt2
  const most = mostTokens(config)
  // A text that is clearly too long is not tokenized: a pasted book would take seconds.
  const ids = text.length > most * model.tokenizer.longestToken ? undefined : encodeText(model, text)
  if (ids === undefined || ids.length > most) {
    const limit = most < config.nCtx - 1 ? 'this page shows of this model' : 'the model reads'
    throw new Fault(
      'text',
      `The text has ${ids?.length ?? `more than ${most}`} tokens; ${limit} at most ${most}.`,
      'Shorten it: the explorer reads one text, not a book.',
    )
  }
  return [bosOf(config), ...ids]
}

/** @throws Fault for a character that a person's own vocabulary has no token for */
export function encodeText({ tokenizer }: Model, text: string): number[] {
  try {
    return tokenizer.encode(text)
  } catch (error) {
    const { message } = error as Error
    throw new Fault('text', `${message}.`, 'Take it out of the text.', { cause: error })
  }
}

/** The tokens as the page shows them. ids: BOS first */
export function shownTokens({ tokenizer }: Pick<Model, 'tokenizer'>, ids: readonly number[]): Token[] {
  const pieces = piecesOf({ tokenizer }, ids)
  const shown = tokenizer.pieces(ids)
  return ids.map((id, i) => ({ id, piece: pieces[i], shown: shown[i] }))
}
