// From tokens on the command line to the number that is explained.
import type { LogitQuestion } from '../../gpt2/attribution.ts'
import { capture } from '../../gpt2/model.ts'
import { UserError } from '../lab/cli/user-error.ts'
import type { OpenModel } from '../lab/models/models.ts'
import { showToken } from '../lab/report/tokens.ts'
import type { Options } from './options.ts'

type Asked = Pick<Options, 'text' | 'target' | 'against' | 'centred' | 'corrupted'>

/** Ids of what is asked for; `target` is missing where the model is to say it. */
export function askedTokens(model: OpenModel, { target, against, centred }: Asked): Partial<LogitQuestion> {
  if (against !== undefined && centred)
    throw new UserError(
      '--against and --centred: a logit is held against one token or the mean of all; give one of them',
    )
  const [wanted, other] = [
    target === undefined ? undefined : tokenOf(model, '--target', target),
    against === undefined ? undefined : tokenOf(model, '--against', against),
  ]
  if (other !== undefined && other === wanted)
    throw new UserError(
      `--against ${JSON.stringify(against)} is the target itself: their logits differ by 0; give another token`,
    )
  return { target: wanted, against: centred ? 'mean' : other }
}

/** @throws UserError unless it is one token */
function tokenOf({ tokenizer }: OpenModel, option: string, text: string): number {
  const asked = `${option} ${JSON.stringify(text)}`
  let ids: number[]
  try {
    ids = tokenizer.encode(text)
  } catch (error) {
    throw new UserError(`${asked}: ${(error as Error).message}`, { cause: error })
  }
  if (ids.length === 1) return ids[0]
  const found =
    ids.length === 0 ? 'no token' : `${ids.length} tokens, ${tokenizer.pieces(ids).map(showToken).join(' ')}`
  throw new UserError(
    `${asked} is ${found}; expected one token (most words have one with a space before them)`,
  )
}

/** The whole question; without a target, that of the most probable token. ids: the clean text's */
export async function questionOf(
  model: OpenModel,
  ids: readonly number[],
  asked: Partial<LogitQuestion>,
): Promise<LogitQuestion> {
  if (asked.target !== undefined) return { ...asked, target: asked.target }
  const logits = (await capture(model.gpt2, [ids], ['logits'], { lastOnly: true })).get('logits')!.data
  const target = logits.indexOf(Math.max(...logits))
  if (target === asked.against)
    throw new UserError(
      `--against: ${showToken(model.tokenizer.pieces([target])[0])} is the most probable next token, and so the target; give --target`,
    )
  return { ...asked, target }
}

/** `“·n” − “·p”`: the number in words. */
export function questionName(
  { tokenizer }: Pick<OpenModel, 'tokenizer'>,
  { target, against }: LogitQuestion,
): string {
  const name = (id: number) => showToken(tokenizer.pieces([id])[0])
  if (against === undefined) return `the logit of ${name(target)}`
  return `the logit of ${name(target)} minus ${against === 'mean' ? 'the mean of all' : `that of ${name(against)}`}`
}

/** @throws UserError unless activations of the one can stand in the other's places */
export function checkPair(
  { tokenizer }: OpenModel,
  clean: readonly number[],
  corrupted: readonly number[],
): void {
  const pieces = (ids: readonly number[]) =>
    `${ids.length - 1} (${tokenizer.pieces(ids.slice(1)).map(showToken).join(' ')})`
  if (clean.length !== corrupted.length)
    throw new UserError(
      `--corrupted: the texts differ in length, ${pieces(corrupted)} tokens and ${pieces(clean)} of --text; patching puts one’s activations in the other’s places: give texts of as many tokens`,
    )
  if (clean.every((id, i) => id === corrupted[i]))
    throw new UserError('--corrupted is the same text as --text: there is nothing to patch')
}
