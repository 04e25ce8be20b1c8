// The post's own texts, fetched from its notebook.
import { readFile, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { UserError } from '../cli/user-error.ts'
import { download } from '../models/hub/download.ts'
import type { HubSettings } from '../models/hub/settings.ts'
import { parseJsonTexts, type LabelledText } from './texts.ts'

/**
 * The post's notebook (MIT licence), at the commit that holds it. Its texts are read from there and are no part of
 * this project: only so is a replication on them exact.
 */
const notebook = {
  repo: 'TheBuleGanteng/interpretability-prototyping',
  commit: '6ba88eed6ffdb377bf1fda5c14b223ffac6e2d90',
  path: 'notebooks/phase_1_SAE_comparison_v2.ipynb',
  size: 2_089_112,
  sha256: '1dfc6e993acdcd622f0eb167abfaf6c542859a24c08d240310a24f4abbd51f6a',
}

/**
 * The post's 70 texts in their seven categories, fetched once.
 * @throws UserError if they are not here and cannot be fetched, or the file is another one
 */
export async function postTexts(settings: HubSettings): Promise<LabelledText[]> {
  const { repo, commit, path, size, sha256: hash } = notebook
  const target = join(settings.ownCacheFolder, 'post', commit, 'notebook.ipynb')
  const label = `${repo}: ${path}`
  if (settings.offline && (await stat(target).catch(() => undefined)) === undefined)
    throw new UserError(
      `${label}: offline, and not at ${target}; with a network, fetch ahead: npm run download -- gpt2`,
    )
  const url = `${settings.rawEndpoint}/${repo}/${commit}/${path}`
  const file = { url, label, size, hash, setting: 'CLEARBOX_RAW_ENDPOINT' }
  await download(file, target, settings.patience) // where it is here, it is only checked
  return textsOfNotebook(await readFile(target, 'utf8'))
}

/**
 * The texts of `categories = { name: [text, ...], ... }` in a Jupyter notebook's code. In the pinned notebook that
 * dictionary is JSON but for its trailing commas.
 * @throws if no code cell, or more than one, begins a line with it, or it is not as `parseJsonTexts` wants it
 */
export function textsOfNotebook(json: string): LabelledText[] {
  const { cells } = JSON.parse(json) as { cells: { cell_type: string; source: string | string[] }[] }
  const code = cells
    .filter(({ cell_type }) => cell_type === 'code')
    .map(({ source }) => [source].flat().join(''))
  const found = code.flatMap((source) => [...source.matchAll(/^categories\s*=\s*(\{.*?^\})/gms)])
  if (found.length !== 1)
    throw new Error(`notebook: expected one line that begins "categories = {", found ${found.length}`)
  return parseJsonTexts(found[0][1], { allowTrailingComma: true })
}
