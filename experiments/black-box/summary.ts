// What `npm start` shows in the terminal besides its verdicts.
import { LAYER_CAVEAT } from './compare-layers.ts'
import type { AnalysedLayer, LayerQuality } from '../lab/analysis/layer-analysis.ts'
import { namedFeature } from '../lab/report/tokens.ts'
import type { TableCell } from '../lab/cli/table.ts'
import { tableByLayer } from './statistics-tables.ts'
import { ofCategory } from '../lab/analysis/by-category.ts'

/** What a first look needs, on one screen: where features fire most strongly, and which stand for a category. */
export function summaryTables(layers: readonly AnalysedLayer[]): string {
  return [
    tableByLayer(
      'The strongest feature (#) of each kind of text, how strongly it fires on average over one text, and the token on which\n' +
        'it fires most',
      layers,
      ({ categories, feature_tokens: tokens }, name) => {
        const { peak } = ofCategory(categories, name)
        return peak ? numbered(peak.value.toFixed(2), peak.feature, tokens) : '–'
      },
    ),
    tableByLayer(
      'The most specialised of all features: texts of the kind in which its mean is above the threshold,\n' +
        'minus such texts of other kinds; ? is not beyond chance.\n' +
        'The report’s cards also have the specialists as the post counts them: of the five strongest features of a kind alone',
      layers,
      specialistCell,
    ),
    LAYER_CAVEAT,
  ].join('\n\n')
}

/** The best score of all features, and the first of those that have it. */
function specialistCell(
  { categories, statistics, feature_tokens: tokens }: AnalysedLayer,
  name: string,
): TableCell {
  const [feature] = ofCategory(categories, name).full_search.features
  const { value, within_chance } = ofCategory(statistics.categories, name).score
  const mark = within_chance ? ' ?' : ''
  return feature === undefined ? `${value}${mark}` : numbered(`${value}${mark}`, feature, tokens)
}

/** A value and the feature's number, and below them the token on which it fires most. */
function numbered(value: string, feature: number, tokens: AnalysedLayer['feature_tokens']): TableCell {
  const [number, token] = namedFeature(feature, tokens[feature]).split(/ (.*)/)
  return [`${value} #${number}`, token]
}

/** How good the SAEs are: one line for these texts and one for those held out. */
export function qualityLines(layers: readonly AnalysedLayer[], note: string): string {
  const measured = layers.flatMap(({ quality }) => quality ?? [])
  const line = (on: keyof LayerQuality): string[] => {
    const evaluations = measured.flatMap((quality) => quality[on] ?? [])
    if (evaluations.length === 0) return []
    const range = (values: readonly number[]): string =>
      [...new Set([Math.min(...values), Math.max(...values)].map((value) => value.toFixed(2)))].join(' to ')
    const explained = range(evaluations.map(({ explained_variance }) => explained_variance))
    const costs = range(evaluations.map(({ ce_spliced, ce_clean }) => ce_spliced - ce_clean))
    const recovered = range(evaluations.map(({ ce_recovered }) => ce_recovered))
    const ofMean = range(evaluations.map(({ ce_recovered_of_mean }) => ce_recovered_of_mean))
    const place = on === 'texts' ? 'on these texts' : 'held out'
    return [
      `  ${place}: explained variance ${explained}, ${evaluations[0].tokens} tokens; splicing each one in costs ${costs} nats per token:`,
      `  CE recovered ${recovered} of what zeros cost, ${ofMean} of what the mean row costs`,
    ]
  }
  return [`SAE quality: ${note}`, ...line('texts'), ...line('held_out')].join('\n')
}
