// This project's own sources and documents as texts: some 3 MB under its own licence, so that no download is needed.
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { UserError } from '../../lab/cli/user-error.ts'
import type { LabelledText } from '../../lab/texts/texts.ts'

/** The word that asks for them in place of a path. */
export const SOURCES = 'sources'

const FOLDERS = ['bench', 'engine', 'experiments', 'gpt2', 'sae', 'test']
const CATEGORIES: Readonly<Record<string, string>> = { '.ts': 'code', '.md': 'prose' }

/** Every .ts and .md file of a checkout, in order of their paths. @throws UserError where there is none, as in an installed package */
export async function sourceTexts(root: string): Promise<LabelledText[]> {
  if (!existsSync(join(root, 'engine/backend.ts')))
    throw new UserError(`--texts ${SOURCES}: ${root} is no checkout of clearbox: name texts of your own`)
  const texts: LabelledText[] = []
  for (const folder of FOLDERS) {
    const names = (await readdir(join(root, folder), { recursive: true })).sort()
    for (const name of names) {
      const category = CATEGORIES[extname(name)]
      if (!category || name.includes('node_modules')) continue
      const text = await readFile(join(root, folder, name), 'utf8')
      if (text.trim() !== '') texts.push({ category, text })
    }
  }
  return texts
}
