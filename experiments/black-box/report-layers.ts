import { html } from 'htm/preact'
import type { ComponentChild, ComponentChildren, VNode } from 'preact'
import { bars, curve, gridMax, heatmap, type Grid } from '../lab/report/charts.ts'
import { featureId } from '../lab/report/feature-card.ts'
import { count, showCorrelation, showNumber } from '../lab/report/numbers.ts'
import {
  chartFrame,
  colourScale,
  dataTable,
  figure,
  type Cell,
  type DataTable,
} from '../lab/report/tables.ts'
import type { CategoryAnalysis, LayerAnalysis, LayerChange } from '../lab/analysis/layer-analysis.ts'

/** `L5`; `L?` where the analysis was not told which layer it saw. */
export function layerName(layer: number | null): string {
  return `L${layer ?? '?'}`
}

/** The category names, in the analysis's order. */
export function categoryNames(layers: readonly LayerAnalysis[]): string[] {
  return Object.keys(layers[0]?.categories ?? {})
}

/** A link to the feature's card. */
export function featureLink(layer: number | null, feature: number): VNode {
  return html`<a href="#${featureId({ layer, feature })}">${String(feature)}</a>`
}

/** One number of a category in a layer, how it is told, and what its table adds to it. */
interface Measure {
  name: string
  meaning: string
  value: (category: CategoryAnalysis) => number | null
  /** Lines under the number, and what the table's caption says of them. */
  detail: (category: CategoryAnalysis, layer: number | null) => ComponentChildren[]
  detailMeaning: string
}

function measures(threshold: string): Measure[] {
  return [
    {
      name: 'Peak',
      meaning:
        'The strongest feature of the category: the highest token-mean activation any feature reaches in any one of its texts.',
      value: (category) => category.peak?.value ?? null,
      detail: ({ peak }, layer) => (peak ? [['feature ', featureLink(layer, peak.feature)]] : []),
      detailMeaning: 'below it the feature',
    },
    {
      name: 'Aggregate',
      meaning:
        'The sum of the category’s five highest feature maxima: how much its strongest features make together.',
      value: (category) => category.aggregate_top5,
      detail: ({ peak_to_aggregate: share, gini_top5: gini }) =>
        share === null ? [] : [`share ${showNumber(share)}`, `Gini ${showNumber(gini)}`],
      detailMeaning: 'below it the peak’s share of the sum, and the Gini coefficient of the five',
    },
    {
      name: 'Specialist score',
      meaning:
        `Texts of the category in which a feature is above the threshold (${threshold}), minus texts of all other categories ` +
        'in which it is; the best of the category’s five strongest features. Below 0, it fires more outside than inside.',
      value: (category) => category.specialist?.score ?? null,
      detail: ({ specialist: s }, layer) =>
        s ? [['feature ', featureLink(layer, s.feature)], `${s.inside} in, ${s.outside} out`] : [],
      detailMeaning: 'below it the feature, and its texts inside and outside the category',
    },
  ]
}

/** Peak, aggregate and specialist score: category x layer as a heatmap, and a curve for each category. */
export function categoriesSection(document: Document, layers: readonly LayerAnalysis[]): VNode {
  const thresholds = new Set(layers.map(({ threshold }) => showNumber(threshold)))
  const threshold = thresholds.size === 1 ? [...thresholds][0] : 'each layer’s own'
  return html`<section aria-labelledby="categories">
    <h2 id="categories">Categories by layer</h2>
    <p>Each measure as a heatmap, and as curves: one category drawn strong, the others faint behind it.</p>
    ${measures(threshold).map((measure) => measureFigure(document, layers, measure))}
  </section>`
}

function measureFigure(document: Document, layers: readonly LayerAnalysis[], measure: Measure): VNode {
  const names = categoryNames(layers)
  const values = names.map((name) => layers.map((layer) => measure.value(layer.categories[name])))
  const grid: Grid = { rows: names, columns: layers.map(({ layer }) => layerName(layer)), values }
  const about = {
    title: `${measure.name} by category and layer`,
    description: `A heatmap of ${names.length} categories and ${count(layers.length, 'layer')}. ${extremes(grid)}`,
  }
  const lowest = Math.min(0, ...values.flat().map((value) => value ?? 0))
  const most = showNumber(gridMax(grid))
  const charts = html`<div class="measure">
    <div>
      ${chartFrame(about.title, heatmap(document, grid, about))}
      ${colourScale('0', most, lowest < 0 ? `−${most}` : undefined)}
    </div>
    <ul class="multiples">
      ${names.map((name, row) => html`<li><b>${name}</b>${curve(document, grid, row, aboutCurve(measure, grid, row))}</li>`)}
    </ul>
  </div>`
  const cell = (name: string, { layer, categories }: LayerAnalysis): Cell => ({
    content: [
      showNumber(measure.value(categories[name])),
      ...measure.detail(categories[name], layer).map(line),
    ],
  })
  return html`<h3>${measure.name}</h3>
    ${figure(measure.meaning, charts, {
      caption: `${measure.name} by category and layer; ${measure.detailMeaning}`,
      columns: ['Category', ...grid.columns],
      rows: names.map((name) => ({ head: name, cells: layers.map((layer) => cell(name, layer)) })),
    })}`
}

function aboutCurve(measure: Measure, { rows, columns, values }: Grid, row: number) {
  const steps = values[row].map((value, c) => `${columns[c]} ${showNumber(value)}`)
  return { title: `${measure.name} of ${rows[row]}`, description: steps.join(', ') }
}

// "Highest: Python at L5, 9.53."
function extremes({ rows, columns, values }: Grid): string {
  const cells = values.flatMap((row, r) =>
    row.map((value, c) => ({ name: `${rows[r]} at ${columns[c]}`, value })),
  )
  const known = cells.flatMap(({ name, value }) => (value === null ? [] : [{ name, value }]))
  known.sort((a, b) => b.value - a.value)
  const [first, last] = [known[0], known.at(-1)]
  if (first === undefined || last === undefined) return 'No feature fires.'
  return `Highest: ${first.name}, ${showNumber(first.value)}. Lowest: ${last.name}, ${showNumber(last.value)}.`
}

/** Whether a category's strongest feature fires in the same texts one layer on. */
export function changesSection(document: Document, changes: readonly LayerChange[]): VNode | null {
  if (changes.length === 0) return null
  const names = Object.keys(changes[0].categories)
  const columns = changes.map(({ from, to }) => `${from ?? '?'}→${to ?? '?'}`)
  const values = names.map((name) =>
    changes.map(({ categories }) => categories[name].peak_profile_correlation),
  )
  const grid: Grid = { rows: names, columns, values }
  const title = 'Correlation of a category’s peak features in neighbouring layers'
  const caption =
    'Numbers cannot be compared between layers, firing can: the correlation, over all texts, of a category’s peak feature ' +
    'with its peak feature one layer on. Near 1, both fire in the same texts; – where there is none.'
  const signed = (value: number | null): string =>
    (value !== null && value > 0 ? '+' : '') + showNumber(value)
  return html`<section aria-labelledby="changes">
    <h2 id="changes">From layer to layer</h2>
    ${figure(
      caption,
      chartFrame(title, heatmap(document, grid, { title, description: extremes(grid) }, showCorrelation)),
      {
        caption:
          'From one layer to the next: correlation of the peak features; below it the differences of peak, sum and score',
        columns: ['Category', ...columns],
        rows: names.map((name) => ({
          head: name,
          cells: changes.map(({ categories }) => {
            const change = categories[name]
            const differences = [
              `peak ${signed(change.peak)}`,
              `sum ${signed(change.aggregate_top5)}`,
              `score ${signed(change.specialist_score)}`,
            ]
            return { content: [showCorrelation(change.peak_profile_correlation), ...differences.map(line)] }
          }),
        })),
      },
    )}
  </section>`
}

/** The five strongest features of each layer, and which is the most frequent and the most selective. */
export function topFeaturesSection(document: Document, layers: readonly LayerAnalysis[]): VNode {
  const max = Math.max(0, ...layers.flatMap(({ top5_strongest: top }) => top.map(([, value]) => value)))
  const panel = (analysis: LayerAnalysis): VNode => {
    const rows = analysis.top5_strongest.map(([feature, value]) => ({ label: `#${feature}`, value }))
    const description = rows.map(({ label, value }) => `${label} ${showNumber(value)}`).join(', ')
    const name = `Layer ${analysis.layer ?? '?'}`
    return html`<li>
      <b>${name}</b>
      ${bars(document, rows, max, { title: `${name}: the five strongest features`, description })}
    </li>`
  }
  const list: DataTable = {
    caption: 'The five strongest features of each layer',
    columns: ['Layer', '1st', '2nd', '3rd', '4th', '5th'],
    rows: layers.map(({ layer, top5_strongest: top }) => ({
      head: layerName(layer),
      cells: top.map(([feature, value]) => noted(featureLink(layer, feature), showNumber(value))),
    })),
  }
  return html`<section aria-labelledby="top">
    <h2 id="top">Top features of each layer</h2>
    ${figure(
      'Each feature’s highest token-mean activation in any text. All layers share one scale.',
      html`<ul class="panels">
        ${layers.map(panel)}
      </ul>`,
      list,
    )}
    ${dataTable({
      caption: 'The features that stand out in each layer',
      columns: ['Layer', 'Strongest', 'Most frequent', 'Most selective', 'Pairs above threshold'],
      rows: layers.map((analysis) => ({ head: layerName(analysis.layer), cells: standingOut(analysis) })),
    })}
  </section>`
}

function standingOut(analysis: LayerAnalysis): Cell[] {
  const { layer, strongest, most_frequent: frequent, most_selective: selective } = analysis
  const none: Cell = { content: '–' }
  const cell = (feature: number, note: string): Cell => noted(featureLink(layer, feature), note)
  return [
    strongest
      ? cell(strongest.feature, `${showNumber(strongest.value)} in text ${strongest.text + 1}`)
      : none,
    frequent ? cell(frequent.feature, `in ${count(frequent.texts, 'text')}`) : none,
    selective ? cell(selective.feature, `${selective.category}, score ${selective.score}`) : none,
    noted(analysis.pairs_above_threshold, `above ${showNumber(analysis.threshold)}`),
  ]
}

// A cell with a small note behind what matters.
function noted(content: ComponentChild, note: string): Cell {
  return { content: [content, ' ', html`<small>${note}</small>`] }
}

// A small line of its own under a cell's number.
function line(content: ComponentChildren): VNode {
  return html`<small class="line">${content}</small>`
}
