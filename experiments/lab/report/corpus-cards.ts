// What a corpus says of the features that a result shows.
import type { CorpusFeature, Manifest } from '../analysis/corpus/corpus-format.ts'
import type { CorpusOfModel } from '../analysis/corpus/corpus-of-model-node.ts'
import type { ExplainedFeature } from '../analysis/features/explain.ts'
import type { InCorpus } from './corpus-part.ts'

/** Undefined for a feature of a layer that the corpus lacks, and where no corpus was named. */
export type CorpusCards = (feature: {
  readonly layer: number | null
  readonly feature: number
}) => InCorpus | undefined

/** Reads some features of a corpus. */
export async function corpusCards(
  corpus: CorpusOfModel | undefined,
  explained: readonly ExplainedFeature[],
): Promise<CorpusCards> {
  const found = new Map<string, InCorpus>()
  const keyOf = ({ layer, feature }: Parameters<CorpusCards>[0]) => `${layer} ${feature}`
  for (const { dashboard } of explained) {
    const { layer, feature } = dashboard
    if (corpus === undefined || corpus.missing.includes(layer)) continue
    const [card] = await corpus.features(layer, feature, feature + 1)
    found.set(keyOf(dashboard), { ...card, manifest: corpus.manifest })
  }
  return (feature) => found.get(keyOf(feature))
}

/** Dashboards as results.json has them: with `corpus` where there is one. */
export function withCorpus<Dashboard extends { layer: number; feature: number }>(
  dashboards: readonly Dashboard[],
  cards: CorpusCards,
): (Dashboard & { corpus?: object })[] {
  return dashboards.map((dashboard) => {
    const inCorpus = cards(dashboard)
    return inCorpus === undefined ? dashboard : { ...dashboard, corpus: corpusJson(inCorpus) }
  })
}

/** Its row and its examples, and of which texts. */
function corpusJson({ row, examples, manifest }: CorpusFeature & { manifest: Manifest }): object {
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
