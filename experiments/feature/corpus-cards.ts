// What a corpus says of the features asked for.
import { checkCorpus, openCorpus } from '../lab/analysis/corpus/corpus-node.ts'
import { layerOf } from '../lab/models/hooks.ts'
import type { InCorpus } from '../lab/report/corpus-part.ts'

/** By feature; undefined where no corpus is named. @throws UserError if it does not have them */
export async function corpusCards(
  { corpus: folder }: { readonly corpus?: string },
  model: string,
  hook: string,
  features: readonly number[],
): Promise<Map<number, InCorpus> | undefined> {
  if (folder === undefined) return undefined
  const corpus = await openCorpus(folder)
  checkCorpus(corpus, { model, hooks: [hook] })
  const found = new Map<number, InCorpus>()
  for (const feature of features) {
    const [card] = await corpus.features(layerOf(hook), feature, feature + 1)
    found.set(feature, { ...card, manifest: corpus.manifest })
  }
  return found
}

/** As results.json has it: its row and its examples, and of which texts. */
export function corpusJson({ row, examples, manifest }: InCorpus): object {
  const { sha256, documents, tokens } = manifest.texts
  const plain = (_: string, value: unknown) =>
    typeof value === 'bigint'
      ? Number(value)
      : ArrayBuffer.isView(value)
        ? Array.from(value as Float32Array)
        : value
  return {
    texts: { sha256, documents, tokens },
    ...(JSON.parse(JSON.stringify({ ...row, list: examples }, plain)) as object),
  }
}
