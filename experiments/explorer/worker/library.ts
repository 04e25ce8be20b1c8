// Searches the library of features for the page.
import type { HookTable } from '../../../gpt2/hooks.ts'
import { run } from '../../../gpt2/model.ts'
import { encode } from '../../../sae/encoder.ts'
import { unzipJson } from '../gzip.ts'
import type { LayerIndex } from '../corpus-shape.ts'
import type { LibraryQuery } from '../library-query.ts'
import {
  searchable,
  searchLibrary,
  type InText,
  type LibraryPage,
  type Searchable,
} from '../library-search.ts'
import { Fault } from './fault.ts'
import type { ModelFiles } from './files.ts'
import { keptFiles } from './kept-files.ts'
import type { Model } from './model.ts'
import { shownTokens, tokenize } from './tokens.ts'

/**
 * Reads the indexes of layers when they are first searched, and keeps them. The returned function throws a Fault if there is no such
 * layer, a file is missing or damaged, or a text is too long.
 */
export function librarian(
  model: Model,
  base: string,
  { corpus }: Pick<ModelFiles, 'corpus'>,
): (query: LibraryQuery) => Promise<LibraryPage> {
  const once = keptFiles(base)
  return async (query) => {
    if (corpus === undefined)
      throw new Fault('card', 'No corpus was read with these SAEs.', 'Features open by layer and number.')
    const { length } = corpus.layers
    if (query.layer !== null && query.layer >= length)
      throw new Fault('card', `There is no layer ${query.layer}.`, `There are layers 0 to ${length - 1}.`)
    const wanted = query.layer === null ? [...corpus.layers.keys()] : [query.layer]
    const read = async (layer: number): Promise<[number, Searchable]> => [
      layer,
      await once(corpus.layers[layer].index, async (content) =>
        searchable(await unzipJson<LayerIndex>(content)),
      ),
    ]
    const layers = new Map(await Promise.all(wanted.map(read)))
    const isText = query.by === 'text' && query.words !== ''
    return searchLibrary(layers, query, isText ? await highestInText(model, query.words) : null)
  }
}

/** For every feature that fires in a text, its highest activation and where that is, by layer; BOS never counts. */
async function highestInText(model: Model, text: string): Promise<InText> {
  const ids = tokenize(model, text)
  const tokens = shownTokens(model, ids)
  const found = model.saes.map(() => new Map<number, { activation: number; token: string }>())
  const hooks: Record<string, HookTable[string]> = {}
  for (const [layer, sae] of model.saes.entries()) {
    if (sae === undefined) continue
    hooks[sae.config.hookName] = async (x, ops) => {
      const { offsets, indices, values } = await encode(ops, sae, x)
      for (let token = 1; token < ids.length; token++)
        for (let i = offsets[token]; i < offsets[token + 1]; i++)
          if (values[i] > (found[layer].get(indices[i])?.activation ?? 0))
            found[layer].set(indices[i], { activation: values[i], token: tokens[token].shown })
    }
  }
  await run(model.gpt2, [ids], hooks)
  return found
}
