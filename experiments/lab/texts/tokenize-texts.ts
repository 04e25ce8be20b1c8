// From texts to token ids, and what becomes of a text that has more tokens than the model has positions.
import { Option } from 'commander'
import { bosOf } from '../../../gpt2/config.ts'
import { oneOf } from '../cli/cli.ts'
import { UserError } from '../cli/user-error.ts'
import type { OpenModel } from '../models/models.ts'
import type { LabelledText } from './texts.ts'

const LONG = ['refuse', 'cut', 'split'] as const
export type Long = (typeof LONG)[number]

/** --long, of every command that reads texts. */
export function longOption(): Option {
  return new Option(
    '--long <way>',
    'what to do with a text longer than the model’s context: refuse it, cut it to its first tokens, or split it into windows that are pooled as one text',
  )
    .argParser(oneOf('long', LONG))
    .default('refuse')
}

/** A text, and what errors call it. */
export interface NamedText {
  readonly text: string
  readonly name?: string
}

/** Texts of a file as errors name them: `mine.csv, text 3 of "Math" (13 of 140)`. */
export function namedAfter(path: string | undefined, texts: readonly LabelledText[]): NamedText[] {
  const seen = new Map<string, number>()
  return texts.map(({ category, text }, row) => {
    const number = (seen.get(category) ?? 0) + 1
    seen.set(category, number)
    const place = `text ${number} of ${JSON.stringify(category)} (${row + 1} of ${texts.length})`
    return { text, name: path === undefined ? place : `${path}, ${place}` }
  })
}

interface TokenizedTexts {
  /** BOS first; longer than the model's positions where the text is to be split (see `windowsOf`). */
  readonly ids: readonly (readonly number[])[]
  /** How many texts were cut or split, and what that means; undefined where all are refused that would have to be. */
  readonly long?: string
}

/**
 * long: left out by commands without --long, which refuse
 * @throws UserError for a text without tokens, or one that is too long and to be refused: by its name
 */
export function tokenizeTexts(
  model: Pick<OpenModel, 'gpt2' | 'tokenize'>,
  texts: readonly NamedText[],
  long?: Long,
): TokenizedTexts {
  const { nCtx } = model.gpt2.config
  if (long === undefined || long === 'refuse')
    return { ids: texts.map((text) => refusing(model, text, long && '--long cut or --long split')) }
  const whole = texts.map(({ text, name }) => model.tokenize(text, { name, anyLength: true }))
  const longer = whole.filter(({ length }) => length > nCtx).length
  const ids = long === 'split' ? whole : whole.map((ids) => ids.slice(0, nCtx))
  return { ids, long: longSentence(longer, texts.length, nCtx - 1, long) }
}

/**
 * BOS and a prompt's ids. Unlike a text, a prompt may be empty: the model then writes on from BOS.
 * @throws UserError if it is too long; `ways`: what then lets it through
 */
export function tokenizePrompt(
  model: Pick<OpenModel, 'gpt2' | 'tokenize'>,
  prompt: NamedText,
  ways?: string,
): number[] {
  return prompt.text === '' ? [bosOf(model.gpt2.config)] : refusing(model, prompt, ways)
}

function refusing(
  model: Pick<OpenModel, 'tokenize'>,
  { text, name }: NamedText,
  ways: string | undefined,
): number[] {
  try {
    return model.tokenize(text, { name })
  } catch (error) {
    // Other faults, such as a folder without a tokenizer, have other ways on.
    if (!(error instanceof UserError && error.cause instanceof RangeError) || ways === undefined) throw error
    throw new UserError(`${error.message}, or use ${ways}`, { cause: error })
  }
}

function longSentence(longer: number, all: number, most: number, long: 'cut' | 'split'): string | undefined {
  if (longer === 0) return all === 1 ? undefined : `none of the ${all} texts has more than ${most} tokens`
  const which = all === 1 ? 'the text has' : `${longer} of ${all} texts ${longer === 1 ? 'has' : 'have'}`
  const done =
    long === 'cut'
      ? `cut to the first ${most}`
      : `split into windows of at most ${most}, each read with a BOS of its own, which never counts; the tokens of all windows are one text’s`
  return `${which} more than ${most} tokens: ${done}`
}
