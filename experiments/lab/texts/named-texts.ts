// The texts that a command is told to read.
import { fileURLToPath } from 'node:url'
import { hubSettings } from '../models/hub/settings.ts'
import { postTexts } from './post-texts.ts'
import type { LabelledText, Least } from './texts.ts'
import { loadTexts } from './texts-node.ts'

/** Our own: seven categories of 20. */
export const OWN_TEXTS = fileURLToPath(new URL('texts.json', import.meta.url))

/** A file or a folder of texts, or, by the word `published`, those of the post. */
export async function textsNamed(
  { texts, ...options }: { texts: string; offline?: boolean },
  least?: Least,
): Promise<LabelledText[]> {
  return texts === 'published' ? postTexts(await hubSettings(process.env, options)) : loadTexts(texts, least)
}
