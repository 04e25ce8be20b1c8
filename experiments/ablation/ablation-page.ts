// The report of `npm run ablation`.
import { html } from '../lab/report/html.ts'
import type { VNode } from 'preact'
import { scaledHeatmap, type Grid } from '../lab/report/charts.ts'
import { count, shorten, showNumber } from '../lab/report/numbers.ts'
import { chartDocument } from '../lab/report/page-node.ts'
import { renderReport, type Made } from '../lab/report/report-page.ts'
import { scatter } from '../lab/report/scatter.ts'
import { findingList, folded, pictureOf, section } from '../lab/report/sections.ts'
import { dataTable, figure, type DataTable } from '../lab/report/tables.ts'
import { namedFeature, visible } from '../lab/report/tokens.ts'
import type { AblationResults, Effect, Generation, TestedFeature } from './effects.ts'
import { QUESTION, type Finding } from './findings.ts'
import { correlationGrid, showRho } from './show.ts'
import { ofCategory } from '../lab/analysis/by-category.ts'
import { categoriesOf } from '../lab/texts/texts.ts'

/** All that the report shows; nothing in it needs escaping. */
interface AblationReport extends Made {
  findings: readonly Finding[]
  results: AblationResults
}

const SECTIONS = [
  { name: 'Selectivity and effect', href: '#selectivity' },
  { name: 'Taken out', href: '#removed' },
  { name: 'Turned up', href: '#steered' },
  { name: 'Continuations', href: '#written' },
  { name: 'The texts', href: '#texts' },
]
const BACKGROUND =
  'A specialist fires in the texts of one category and hardly elsewhere. That says what it goes with, not what it does. ' +
  'So it is taken out of the residual stream, token by token, and nothing else is changed. The model’s predictions then ' +
  'show whether it used the feature. Conversely, the feature’s direction is added to the stream. Random active features of ' +
  'about the same size, and the specialists of other categories, show what any such edit would do.'

/** The report as one self-contained HTML file. */
export function renderAblationReport({ findings, results, ...made }: AblationReport): string {
  const document = chartDocument()
  const layers = [...Map.groupBy(results.features, ({ layer }) => layer)]
  return renderReport({
    ...made,
    title: QUESTION,
    eyebrow: 'clearbox · ablation and steering',
    background: BACKGROUND,
    sections: SECTIONS.filter(({ href }) => href !== '#written' || results.generations.length > 0),
    picture: pictureOf(DOTS, selectivityPanels(document, layers)),
    claims: findingsSection(findings, results),
    body: [
      correlationSection(results),
      removalSection(document, layers),
      steeringSection(document, layers),
      writtenSection(results.generations),
      textsSection(results),
    ],
    footer: 'The same numbers are in results.json, effects.csv and correlations.csv, beside this file.',
  })
}

function findingsSection([answer, ...others]: readonly Finding[], results: AblationResults): VNode {
  const list = (found: readonly Finding[]): VNode =>
    findingList(
      found.map(({ sentence, figures }) => [
        visible(sentence),
        folded('The figures', sentence, html`<p class="detail">${visible(figures)}</p>`),
      ]),
    )
  const untold = others.filter(({ told }) => !told)
  return section('findings', 'What was found', [
    list([answer, ...others.filter(({ told }) => told)]),
    untold.length > 0 &&
      folded(
        `${count(untold.length, 'more comparison')} cannot clearly be told`,
        'what was found',
        list(untold),
      ),
    html`<aside class="notice" aria-label="How it was measured">
      <p>${method(results)}</p>
    </aside>`,
  ])
}

function method({ settings, categories, without_specialist: without }: AblationResults): string {
  const texts = categories.reduce((sum, { texts }) => sum + texts.length, 0)
  const missing = without.map(({ layer, category }) => `${category} in layer ${layer}`)
  return (
    `Features were chosen on all texts and measured on ${texts} of them, drawn by the seed. Removing subtracts the activation ` +
    'times the decoder’s row at every token but BOS; steering adds the decoder’s direction there, ' +
    `${showNumber(settings.strength)} times as long as the specialist’s mean contribution where it fires, and equally long for ` +
    'the random features beside it. Intervals are bootstrap percentiles over features, or over categories and layers ' +
    `(${settings.resamples} draws); the texts are taken as given.` +
    (missing.length > 0 ? ` No feature fires, and so there is no specialist, in: ${missing.join(', ')}.` : '')
  )
}

type Layers = readonly [layer: number, features: TestedFeature[]][]

const DOTS =
  'Each dot is a specialist, each ring a random feature. To the right it is more selective; the higher it is, the more the loss on its ' +
  'category’s texts rises when it is taken out. If the most selective features mattered most, dots would rise to the right.'

/** Each tested feature as a dot: its score, and what its removal costs. */
function selectivityPanels(document: Document, layers: Layers): VNode {
  const axes = { x: 'specialist score', y: 'change of loss, nats per token' }
  const panels = layers.map(([layer, features]) => {
    const points = features.map(({ score, removed, category, kind }) => ({
      ...{ x: score, y: ofCategory(removed, category).loss, strong: kind === 'specialist' },
    }))
    const title = `Layer ${layer}: specialist score and change of loss`
    const description = `${count(points.length, 'feature')}; ${count(points.filter(({ strong }) => strong).length, 'specialist')} among them.`
    return html`<li><b>Layer ${layer}</b>${scatter(document, points, axes, { title, description })}</li>`
  })
  return html`<ul class="panels">
    ${panels}
  </ul>`
}

function correlationSection(results: AblationResults): VNode {
  const grid = correlationGrid(results)
  return section('selectivity', 'Selectivity and effect', [
    dataTable({
      caption: 'Spearman’s rank correlation with its 95 % interval; “mean” is over the layers',
      columns: ['What is known, and what it does', ...grid.columns],
      rows: grid.rows.map(({ name, cells }) => ({ head: name, cells: cells.map(showRho) })),
    }),
    folded(
      'Every tested feature',
      'its selectivity and its effect',
      dataTable(featureTable(results.features)),
    ),
  ])
}

function featureTable(features: readonly TestedFeature[]): DataTable {
  const numbers = ({ removed, steered, category, ...one }: TestedFeature): (string | number)[] => [
    ...[one.kind, visible(category), one.score, one.fires_in, showNumber(one.auroc), showNumber(one.size)],
    ...[removed, steered]
      .map((effects) => ofCategory(effects, category))
      .flatMap(({ loss, kl, flips }) => [loss, kl, 100 * flips].map(showNumber)),
  ]
  return {
    caption:
      'Every tested feature in its own category. “Fires in”: how many of the measured texts; loss and KL in nats per token, flips in %',
    columns: [
      ...['Feature', 'Kind', 'Category', 'Score', 'Fires in', 'AUROC', 'Size'],
      ...['Taken out: loss', 'KL', 'flips', 'Turned up: loss', 'KL', 'flips'],
    ],
    rows: features.map((one) => ({
      head: `L${one.layer} ${namedFeature(one.feature, one.token)}`,
      cells: numbers(one),
    })),
  }
}

function removalSection(document: Document, layers: Layers): VNode {
  return section('removed', 'Taken out', [
    html`<p>
      One row per specialist, one column per category of texts it is removed from: by how many thousandths of
      a nat the loss per token rises. What is special about a specialist is on the diagonal.
    </p>`,
    layers.map(([layer, features]) => effectFigure(document, layer, features, 'removed', 'loss')),
  ])
}

function steeringSection(document: Document, layers: Layers): VNode {
  return section('steered', 'Turned up', [
    html`<p>
      The same with the feature’s direction added at every token: the KL divergence of the next token’s
      distribution before and after, in thousandths of a nat.
    </p>`,
    layers.map(([layer, features]) => effectFigure(document, layer, features, 'steered', 'kl')),
  ])
}

/** Specialists, and below them the mean of the random features of each category, by the category of the texts. */
function effectFigure(
  document: Document,
  layer: number,
  features: readonly TestedFeature[],
  edit: 'removed' | 'steered',
  measure: keyof Effect,
): VNode {
  const names = categoriesOf(features[0][edit])
  const specialists = features.filter(({ kind }) => kind === 'specialist')
  const random = features.filter(({ kind }) => kind === 'random')
  const values = (one: TestedFeature) => names.map((name) => 1000 * ofCategory(one[edit], name)[measure])
  const mean = names.map((_, i) => random.reduce((sum, one) => sum + values(one)[i], 0) / random.length)
  const rows = [
    ...specialists.map(({ category }) => category),
    ...(random.length > 0 ? ['random, mean'] : []),
  ]
  const grid: Grid = {
    rows: rows.map(visible),
    columns: names.map((name) => shorten(visible(name), 9)),
    values: [...specialists.map(values), ...(random.length > 0 ? [mean] : [])],
  }
  const title = `Layer ${layer}: ${edit === 'removed' ? 'change of loss' : 'KL divergence'} by specialist and texts`
  const about = { title, description: `${count(rows.length, 'row')}, ${names.length} categories of texts.` }
  return html`<h3>Layer ${layer}</h3>
    ${figure(
      edit === 'removed'
        ? 'Rows: the category whose specialist is taken out.'
        : 'Rows: the category whose specialist is turned up.',
      scaledHeatmap(document, grid, about),
      {
        caption: title,
        columns: ['Specialist of', 'Feature', ...names.map(visible)],
        rows: grid.rows.map((name, row) => ({
          head: name,
          cells: [nameOf(specialists.at(row)), ...grid.values[row].map(showNumber)],
        })),
      },
    )}`
}

const nameOf = (one: TestedFeature | undefined): string => (one ? namedFeature(one.feature, one.token) : '–')

function writtenSection(generations: readonly Generation[]): VNode | null {
  if (generations.length === 0) return null
  return section('written', 'Continuations, side by side', [
    html`<p>
      Each continuation takes the most probable token: with nothing changed, with a feature turned off, and
      with it turned up. The specialists are those whose removal costs their own texts most.
    </p>`,
    generations.map(
      ({ layer, feature, token, category, prompt, text, fires, ...written }) =>
        html`<h3>L${layer} ${namedFeature(feature, token)}, ${visible(category)}</h3>
          <p>
            ${text === null ? 'From the prompt:' : `From the start of text ${text + 1}, up to the token at which it fires most:`}
          </p>
          <p class="tokens prompt" dir="auto">${visible(prompt)}</p>
          <ul class="panels written">
            ${version('As it is', written.as_it_is)}
            ${version(fires ? 'Turned off' : 'Turned off (it never fires here)', written.off)}
            ${version('Turned up', written.up)}
          </ul>`,
    ),
  ])
}

function version(name: string, text: string): VNode {
  return html`<li>
    <b>${name}</b>
    <p class="tokens" dir="auto">${visible(text)}</p>
  </li>`
}

function textsSection({ categories }: AblationResults): VNode {
  const table = dataTable({
    caption: 'Texts of each category, and the model’s own loss on them',
    columns: ['Category', 'Texts', 'Tokens', 'Loss, nats per token'],
    rows: categories.map(({ category, texts, tokens, loss }) => ({
      head: visible(category),
      cells: [texts.length, tokens, showNumber(loss)],
    })),
  })
  return section('texts', 'The texts measured on', table)
}
