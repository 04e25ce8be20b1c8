// What `npm start` shows in the terminal, beside its verdicts.
import { LAYER_CAVEAT } from './compare-layers.ts'
import type { AnalysedLayer, LayerQuality } from '../lab/analysis/layer-analysis.ts'
import { tableByLayer } from './statistics-tables.ts'
import { ofCategory } from '../lab/analysis/by-category.ts'

/** What a first look needs, on a screen: where features fire most strongly, and which stand for a category. */
export function summaryTables(layers: readonly AnalysedLayer[]): string {
  return [
    tableByLayer(
      'The strongest feature (#) of each kind of text, and how strongly it fires on average over one text',
      layers,
      ({ categories }, name) => {
        const { peak } = ofCategory(categories, name)
        return peak ? `${peak.value.toFixed(2)} #${peak.feature}` : '–'
      },
    ),
    tableByLayer(
      'The most specialised of all features: texts of the kind that make it fire, minus others; ? is not beyond chance.\n' +
        'The report’s cards also have the specialists as the post counts them: of the five strongest features of a kind alone',
      layers,
      specialistCell,
    ),
    LAYER_CAVEAT,
  ].join('\n\n')
}

/** The best score of all features, and the first of those that have it. */
function specialistCell({ categories, statistics }: AnalysedLayer, name: string): string {
  const [feature] = ofCategory(categories, name).full_search.features
  const { value, within_chance } = ofCategory(statistics.categories, name).score
  return `${value}${feature === undefined ? '' : ` #${feature}`}${within_chance ? ' ?' : ''}`
}

/** How good the SAEs are, in a line for these texts and one for those held out. */
export function qualityLines(layers: readonly AnalysedLayer[], note: string): string {
  const measured = layers.flatMap(({ quality }) => quality ?? [])
  const line = (on: keyof LayerQuality): string[] => {
    const evaluations = measured.flatMap((quality) => quality[on] ?? [])
    if (evaluations.length === 0) return []
    const range = (values: readonly number[]): string =>
      [...new Set([Math.min(...values), Math.max(...values)].map((value) => value.toFixed(2)))].join(' to ')
    const explained = range(evaluations.map(({ explained_variance }) => explained_variance))
    const recovered = range(evaluations.map(({ ce_recovered }) => ce_recovered))
    const place = on === 'texts' ? 'on these texts' : 'held out'
    return [
      `  ${place}: explained variance ${explained}, CE recovered ${recovered}, ${evaluations[0].tokens} tokens`,
    ]
  }
  return [`SAE quality: ${note}`, ...line('texts'), ...line('held_out')].join('\n')
}
