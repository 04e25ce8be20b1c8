// The tokenizer of a model folder on this machine.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Gpt2Config } from '../../../gpt2/config.ts'
import { UserError } from '../cli/user-error.ts'
import { readTokenizer, type FoundTokenizer } from './folder-tokenizer.ts'

/**
 * Reads the tokenizer of a model folder: `tokenizer.json`, or `vocab.json` with `merges.txt`. A folder without one has GPT-2's
 * if its vocabulary is at least as large; otherwise none: then tokens are shown as ids, and a text cannot be read.
 * @throws UserError naming file and setting where the folder's tokenizer is of another kind than GPT-2's
 */
export async function findTokenizer(
  folder: string,
  config: Pick<Gpt2Config, 'dVocab'>,
): Promise<FoundTokenizer> {
  try {
    const labelOf = (name: string) => join(folder, name)
    const read = (name: string) => readFile(labelOf(name), 'utf8')
    return await readTokenizer({ label: folder, names: await readdir(folder), labelOf, read }, config)
  } catch (error) {
    throw new UserError((error as Error).message, { cause: error })
  }
}
