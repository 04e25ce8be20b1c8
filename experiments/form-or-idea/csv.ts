// The tables beside results.json.
import { csv } from '../lab/report/csv.ts'
import { cellNames, relationOf, type Design } from './design.ts'
import type { LayerResult, Resemblance } from './layer-result.ts'

/** One row per pair of cells, for the tokens themselves (layer empty) and for each layer. */
export function pairsCsv(design: Design, tokens: Resemblance, layers: readonly LayerResult[]): string {
  const names = cellNames(design)
  const rows = [{ ...tokens, layer: '' }, ...layers].flatMap(({ layer, cosines, overlaps }) =>
    names.flatMap((a, i) =>
      names.slice(0, i).map((b, j) => [layer, b, a, relationOf(design, i, j), cosines[i][j], overlaps[i][j]]),
    ),
  )
  return csv('layer,cell_a,cell_b,shared,cosine,jaccard', rows)
}

/** One row per specialist. */
export function specialistsCsv(layers: readonly LayerResult[]): string {
  const head =
    'layer,kind,topic,form,feature,score,inside,inside_of,outside,outside_of,elsewhere,elsewhere_of,p,p_corrected,symbol_activation,symbol_tokens'
  const rows = layers.flatMap(({ layer, specialists }) =>
    specialists.map(({ kind, topic, form, feature, score, inside, outside, elsewhere, symbols, ...test }) => [
      ...[layer, kind, topic, form, feature, score, ...inside, ...outside],
      ...(elsewhere ?? [null, null]),
      ...[test.p, test.p_corrected, symbols.of_activation, symbols.of_tokens],
    ]),
  )
  return csv(head, rows)
}
