// A text as tokens, and tokens as the page shows them.
import { bosOf } from '../../../gpt2/config.ts'
import type { Token } from '../protocol.ts'
import { Fault } from './fault.ts'
import type { Model } from './model.ts'

/**
 * The ids of a text, BOS first; an empty text is BOS alone.
 * @throws Fault if there are more tokens than the model has positions
 */
export function tokenize({ gpt2: { config }, tokenizer }: Model, text: string): number[] {
  const most = config.nCtx - 1 // one position is BOS's
  // A text whose length alone tells is not cut into tokens: a pasted book would take seconds.
  const ids = text.length > most * tokenizer.longestToken ? undefined : tokenizer.encode(text)
  if (ids === undefined || ids.length > most)
    throw new Fault(
      'text',
      `The text has ${ids?.length ?? `more than ${most}`} tokens; the model reads at most ${most}.`,
      'Shorten it: the explorer reads one text, not a book.',
    )
  return [bosOf(config), ...ids]
}

/** The tokens as the page shows them. ids: BOS first */
export function shownTokens({ tokenizer }: Pick<Model, 'tokenizer'>, ids: readonly number[]): Token[] {
  const decode = tokenizer.stream()
  const shown = tokenizer.pieces(ids)
  return ids.map((id, i) => ({ id, piece: decode(id), shown: shown[i] }))
}
