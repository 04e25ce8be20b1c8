// The one text of a command: given as it is, in a file, or on standard input.
import { Option, type Command } from 'commander'
import type { OpenModel } from '../models/models.ts'
import { readText } from './texts-node.ts'
import { longOption, tokenizeTexts, type Long, type NamedText } from './tokenize-texts.ts'

/** --file, of commands that read one text. */
export function fileOption(): Option {
  return new Option(
    '--file <path>',
    'read it from a UTF-8 file, or - for standard input; a final line break is dropped',
  )
}

/** Adds --file and --long, for a command whose argument is a text. */
export function addGivenText(command: Command): Command {
  return command.addOption(fileOption()).addOption(longOption())
}

/**
 * What --file names, or else `text`.
 * @throws UserError if the file cannot be read. Giving both is wrong usage
 */
export async function givenText(command: Command, text: string): Promise<NamedText> {
  const { file } = command.opts<{ file?: string }>()
  if (file === undefined) return { text }
  if (command.args.length > 0) command.error('error: give the text or --file, not both')
  const name = file === '-' ? 'standard input' : file
  return { text: (await readText(file, name)).replace(/\r?\n$/, ''), name }
}

/** Its ids, BOS first, and what was done with it if it is too long, of a command with `addGivenText`. */
export async function tokenizeGiven(
  model: OpenModel,
  command: Command,
  text: string,
): Promise<{ ids: readonly number[]; long?: string }> {
  const { ids, long } = tokenizeTexts(
    model,
    [await givenText(command, text)],
    command.opts<{ long: Long }>().long,
  )
  return { ids: ids[0], long }
}
