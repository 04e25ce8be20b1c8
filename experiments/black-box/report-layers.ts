// The report's sections on categories and features, layer by layer.
import { html } from '../lab/report/html.ts'
import type { ComponentChildren, VNode } from 'preact'
import type { AnalysedLayer, LayerAnalysis, LayerChange } from '../lab/analysis/layer-analysis.ts'
import { bars, curves, heatmap, scaledHeatmap, type Grid } from '../lab/report/charts.ts'
import { featureLink } from '../lab/report/feature-card.ts'
import { count, showCorrelation, showNumber } from '../lab/report/numbers.ts'
import { pictureOf, section } from '../lab/report/sections.ts'
import { dataTable, figure, lines, noted, type Cell } from '../lab/report/tables.ts'
import { namedFeature, visible } from '../lab/report/tokens.ts'
import { ofCategory } from '../lab/analysis/by-category.ts'
import { categoriesOf } from '../lab/texts/texts.ts'

/** `L5`; `L?` where the analysis was not told which layer it saw. */
export function layerName(layer: number | null): string {
  return `L${layer ?? '?'}`
}

/** A link to the card of a layer's feature, with the token on which it fires most. */
export function linkTo({ layer, feature_tokens: tokens }: AnalysedLayer, feature: number): VNode {
  return featureLink(layer, feature, tokens[feature])
}

/** The category names, in the analysis's order. */
export function categoryNames(layers: readonly LayerAnalysis[]): string[] {
  return categoriesOf(layers[0]?.categories ?? [])
}

/** One number of a category in a layer, how it is described, and what its table adds. */
interface Measure {
  readonly title: string
  readonly meaning: string
  /** The table's caption: what it shows, and what is below each number. */
  readonly caption: string
  /** Of a category's curve. */
  readonly curveTitle: (category: string) => string
  readonly value: (layer: AnalysedLayer, category: string) => number | null
  /** Lines under the number. */
  readonly detail: (layer: AnalysedLayer, category: string) => readonly ComponentChildren[]
}

/** A measure of every category in every layer, as curves and as a table; `charts` may add to the curves. */
export function measureFigure(
  document: Document,
  layers: readonly AnalysedLayer[],
  measure: Measure,
  charts: (curves: VNode, grid: Grid) => VNode = (curves) => curves,
): VNode {
  const names = categoryNames(layers)
  const grid: Grid = {
    rows: names.map(visible),
    columns: layers.map(({ layer }) => layerName(layer)),
    values: names.map((name) => layers.map((layer) => measure.value(layer, name))),
  }
  const cell = (layer: AnalysedLayer, name: string): Cell =>
    lines(showNumber(measure.value(layer, name)), measure.detail(layer, name))
  return html`<h3>${measure.title}</h3>
    ${figure(measure.meaning, charts(curves(document, grid, measure.curveTitle), grid), {
      caption: measure.caption,
      columns: ['Category', ...grid.columns],
      rows: names.map((name) => ({
        head: visible(name),
        cells: layers.map((layer) => cell(layer, name)),
      })),
    })}`
}

const byCategory = (title: string, below: string) => ({
  title,
  caption: `${title} by category and layer; ${below}`,
  curveTitle: (category: string) => `${title} of ${category}`,
})

const measures = (threshold: string): readonly Measure[] => [
  {
    ...byCategory('Peak', 'below it the feature'),
    meaning:
      'The strongest feature of the category: the highest token-mean activation any feature reaches in any one of its texts.',
    value: ({ categories }, name) => ofCategory(categories, name).peak?.value ?? null,
    detail: (layer, name) => {
      const { peak } = ofCategory(layer.categories, name)
      return peak ? [['feature ', linkTo(layer, peak.feature)]] : []
    },
  },
  {
    ...byCategory('Aggregate', 'below it the peak’s share of the sum, and the Gini coefficient of the five'),
    meaning:
      'The sum of the category’s five highest feature maxima: how much its strongest features add up to.',
    value: ({ categories }, name) => ofCategory(categories, name).aggregate_top5,
    detail: ({ categories }, name) => {
      const { peak_to_aggregate: share, gini_top5: gini } = ofCategory(categories, name)
      return share === null ? [] : [`share ${showNumber(share)}`, `Gini ${showNumber(gini)}`]
    },
  },
  {
    ...byCategory(
      'Specialist score, of the five strongest',
      'below it the feature, and its texts inside and outside the category',
    ),
    meaning:
      `Texts of the category in which a feature is above the threshold (${threshold}), minus texts of all other categories ` +
      'in which it is; the best of the category’s five strongest features, as the post has it (“What chance gives” searches all). Below 0, it fires more outside than inside.',
    value: ({ categories }, name) => ofCategory(categories, name).specialist?.score ?? null,
    detail: (layer, name) => {
      const { specialist: s } = ofCategory(layer.categories, name)
      return s ? [['feature ', linkTo(layer, s.feature)], `${s.inside} in, ${s.outside} out`] : []
    },
  },
]

/** The best score of every category in every layer, where it is beyond chance. */
export function specialistPicture(document: Document, layers: readonly AnalysedLayer[]): VNode {
  const names = categoryNames(layers)
  const score = ({ statistics }: AnalysedLayer, name: string): number | null => {
    const { value, within_chance } = ofCategory(statistics.categories, name).score
    return within_chance ? null : value
  }
  const grid: Grid = {
    rows: names.map(visible),
    columns: layers.map(({ layer }) => layerName(layer)),
    values: names.map((name) => layers.map((layer) => score(layer, name))),
  }
  const about = { title: 'The best specialist score by category and layer', description: extremes(grid) }
  return pictureOf(
    'How well the best feature of each kind of text stands for it at each layer: the number of texts of that kind in which its mean is ' +
      'above the threshold, minus the number of such texts of other kinds. – means within chance.',
    scaledHeatmap(document, grid, about),
  )
}

/** Peak, aggregate and specialist score: category x layer as a heatmap, and a curve for each category. */
export function categoriesSection(document: Document, layers: readonly AnalysedLayer[]): VNode {
  const thresholds = new Set(layers.map(({ threshold }) => showNumber(threshold)))
  const threshold = thresholds.size === 1 ? [...thresholds][0] : 'each layer’s own'
  const withHeatmap =
    ({ title }: Measure) =>
    (curves: VNode, grid: Grid): VNode => {
      const about = {
        title: `${title} by category and layer`,
        description: `A heatmap of ${grid.rows.length} categories and ${count(layers.length, 'layer')}. ${extremes(grid)}`,
      }
      return html`<div class="measure">
        <div>${scaledHeatmap(document, grid, about)}</div>
        ${curves}
      </div>`
    }
  return section('categories', 'Categories by layer', [
    html`<p>
      Each measure as a heatmap and as curves, with one category drawn boldly and the others faintly behind
      it.
    </p>`,
    measures(threshold).map((measure) => measureFigure(document, layers, measure, withHeatmap(measure))),
  ])
}

// "Highest: Python at L5, 9.53."
function extremes({ rows, columns, values }: Grid): string {
  const known = values.flatMap((row, r) =>
    row.flatMap((value, c) => (value === null ? [] : [{ name: `${rows[r]} at ${columns[c]}`, value }])),
  )
  known.sort((a, b) => b.value - a.value)
  const [first, last] = [known[0], known.at(-1)]
  if (first === undefined || last === undefined) return 'No feature fires.'
  return `Highest: ${first.name}, ${showNumber(first.value)}. Lowest: ${last.name}, ${showNumber(last.value)}.`
}

/** Whether a category's strongest feature fires in the same texts one layer on. */
export function changesSection(document: Document, changes: readonly LayerChange[]): VNode | null {
  if (changes.length === 0) return null
  const names = categoriesOf(changes[0].categories)
  const columns = changes.map(({ from, to }) => `${from ?? '?'}→${to ?? '?'}`)
  const correlation = ({ categories }: LayerChange, name: string) =>
    ofCategory(categories, name).peak_profile_correlation
  const values = names.map((name) => changes.map((change) => correlation(change, name)))
  const grid: Grid = { rows: names.map(visible), columns, values }
  const about = {
    title: 'Correlation of a category’s peak features in neighbouring layers',
    description: extremes(grid),
  }
  const signed = (value: number | null): string =>
    (value !== null && value > 0 ? '+' : '') + showNumber(value)
  const cell = (change: LayerChange, name: string): Cell => {
    const { peak, aggregate_top5, specialist_score } = ofCategory(change.categories, name)
    const below = [`peak ${signed(peak)}`, `sum ${signed(aggregate_top5)}`, `score ${signed(specialist_score)}`] // prettier-ignore
    return lines(showCorrelation(correlation(change, name)), below)
  }
  const caption =
    'Feature numbers cannot be compared between layers, but firing can: the correlation, over all texts, of a category’s peak feature ' +
    'with its peak feature in the next layer. Near 1, both fire in the same texts; – where there is no correlation.'
  return section(
    'changes',
    'From layer to layer',
    figure(caption, heatmap(document, grid, about, showCorrelation), {
      caption:
        'From one layer to the next: correlation of the peak features; below it the differences of peak, sum and score',
      columns: ['Category', ...columns],
      rows: names.map((name) => ({
        head: visible(name),
        cells: changes.map((change) => cell(change, name)),
      })),
    }),
  )
}

/** The five strongest features of each layer, and which is the most frequent and the most selective. */
export function topFeaturesSection(document: Document, layers: readonly AnalysedLayer[]): VNode {
  const max = Math.max(0, ...layers.flatMap(({ top5_strongest: top }) => top.map(([, value]) => value)))
  const panel = (analysis: AnalysedLayer): VNode => {
    const rows = analysis.top5_strongest.map(([feature, value]) => ({
      label: namedFeature(feature, analysis.feature_tokens[feature]),
      value,
    }))
    const description = rows.map(({ label, value }) => `${label} ${showNumber(value)}`).join(', ')
    const name = `Layer ${analysis.layer ?? '?'}`
    return html`<li>
      <b>${name}</b>
      ${bars(document, rows, max, { title: `${name}: the five strongest features`, description })}
    </li>`
  }
  const panels = html`<ul class="panels">
    ${layers.map(panel)}
  </ul>`
  return section('top', 'Top features of each layer', [
    figure('Each feature’s highest token-mean activation in any text. All layers share one scale.', panels, {
      caption: 'The five strongest features of each layer',
      columns: ['Layer', '1st', '2nd', '3rd', '4th', '5th'],
      rows: layers.map((layer) => ({
        head: layerName(layer.layer),
        cells: layer.top5_strongest.map(([feature, value]) =>
          noted(linkTo(layer, feature), showNumber(value)),
        ),
      })),
    }),
    dataTable({
      caption: 'The features that stand out in each layer',
      columns: ['Layer', 'Strongest', 'Most frequent', 'Most selective', 'Pairs above threshold'],
      rows: layers.map((analysis) => ({ head: layerName(analysis.layer), cells: standingOut(analysis) })),
    }),
  ])
}

function standingOut(analysis: AnalysedLayer): Cell[] {
  const { strongest, most_frequent: frequent, most_selective: selective } = analysis
  const cell = <T extends { feature: number }>(found: T | null, note: (found: T) => string): Cell =>
    found ? noted(linkTo(analysis, found.feature), note(found)) : '–'
  return [
    cell(strongest, ({ value, text }) => `${showNumber(value)} in text ${text + 1}`),
    cell(frequent, ({ texts }) => `in ${count(texts, 'text')}`),
    cell(selective, ({ category, score }) => `${visible(category)}, score ${score}`),
    noted(analysis.pairs_above_threshold, `above ${showNumber(analysis.threshold)}`),
  ]
}
