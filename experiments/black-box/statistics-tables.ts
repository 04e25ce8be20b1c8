// The statistics as text for a terminal: one table each, category by layer.
import { formatTable, type TableCell } from '../lab/cli/table.ts'
import type { AnalysedLayer } from '../lab/analysis/layer-analysis.ts'
import { ofCategory } from '../lab/analysis/by-category.ts'
import { categoriesOf } from '../lab/texts/texts.ts'

/** The best score and the best AUROC of all features, each beside what chance gives. */
export function chanceTables(layers: readonly AnalysedLayer[]): string {
  const mark = (within: boolean): string => (within ? ' ?' : '')
  const { permutations, seed } = layers[0].statistics
  return [
    tableByLayer(
      `Best score of all features, in brackets the score needed to be beyond chance: p ≤ 0.05 over ${permutations} ` +
        `shuffles of the categories (seed ${seed}), corrected for their number; – where no score can be; ? is not beyond chance`,
      layers,
      ({ statistics }, name) => {
        const { value, needed, within_chance } = ofCategory(statistics.categories, name).score
        return `${value} (${needed ?? '–'})${mark(within_chance)}`
      },
    ),
    tableByLayer(
      'Best AUROC of all features, which needs no threshold; in brackets what 95 % of the shuffles stay within, without that ' +
        'correction; ? as above',
      layers,
      ({ statistics }, name) => {
        const { auroc } = ofCategory(statistics.categories, name)
        if (!auroc) return '–'
        return `${auroc.value.toFixed(2)} (${auroc.chance_q95.toFixed(2)})${mark(auroc.within_chance)}`
      },
    ),
  ].join('\n\n')
}

/** The range of the peak in 95 % of the resampled texts. */
export function intervalTable(layers: readonly AnalysedLayer[]): string {
  const { resamples } = layers[0].statistics
  const title = `Peak in 95 % of ${resamples} resamples of each category’s texts`
  return tableByLayer(title, layers, ({ statistics }, name) => {
    const { peak_interval: interval } = ofCategory(statistics.categories, name)
    return interval ? interval.map((bound) => bound.toFixed(1)).join('–') : '–'
  })
}

/** One row per category, one column per layer. */
export function tableByLayer(
  title: string,
  layers: readonly AnalysedLayer[],
  cell: (layer: AnalysedLayer, name: string) => TableCell,
): string {
  const head = ['', ...layers.map(({ layer }) => `layer ${layer ?? '?'}`)]
  const names = categoriesOf(layers[0].categories)
  const rows = names.map((name) => [name, ...layers.map((layer) => cell(layer, name))])
  return `${title}\n${formatTable(head, rows)}`
}
