// The report's sections on how alike the cells are.
import { html } from '../lab/report/html.ts'
import type { VNode } from 'preact'
import { heatmap, type Grid } from '../lab/report/charts.ts'
import { matrixChart, stepWithin, type Matrix } from '../lab/report/matrix.ts'
import { showCorrelation } from '../lab/report/numbers.ts'
import { layerParts, pictureOf, section } from '../lab/report/sections.ts'
import { colourScale, dataTable, figure } from '../lab/report/tables.ts'
import { showP, showCosine } from './answer.ts'
import { cellNames, type Design } from './design.ts'
import type { Answer, LayerResult, Resemblance } from './layer-result.ts'
import type { ByRelation } from './similarity.ts'

const RELATIONS: readonly [relation: keyof ByRelation, name: string][] = [
  ['idea', 'same topic'],
  ['form', 'same form'],
  ['neither', 'neither'],
]

const nameOf = (layer: number | null): string => (layer === null ? 'tokens' : `L${layer}`)

type Layers = readonly LayerResult[]

/** One likeness of two cells that share the topic, the form, or neither, layer by layer. */
function relationMap(
  document: Document,
  title: string,
  all: readonly ByRelation[],
  answers: readonly Answer[],
): { grid: Grid; chart: VNode } {
  const columns = answers.map(({ layer }) => nameOf(layer))
  const values = RELATIONS.map(([relation]) => all.map((one) => one[relation]))
  const grid: Grid = { rows: RELATIONS.map(([, name]) => name), columns, values }
  const description = RELATIONS.map(
    ([, name], r) => `${name}: ${values[r].map((value, c) => `${columns[c]} ${showCorrelation(value)}`).join(', ')}`,
  ) // prettier-ignore
  return {
    grid,
    chart: heatmap(document, grid, { title, description: description.join('. ') }, showCorrelation),
  }
}

/** How alike two cells' features are. */
export function cosinePicture(
  document: Document,
  tokens: Resemblance,
  layers: Layers,
  answers: readonly Answer[],
): VNode {
  const cosines = [tokens, ...layers].map(({ cosine }) => cosine)
  return pictureOf(
    'How alike (by cosine) the features of two sets of texts are that share the topic, the form, or neither. “tokens”: how ' +
      'alike the texts are before any model reads them.',
    relationMap(document, 'Cosine of mean features', cosines, answers).chart,
  )
}

/** What two cells have in common that share the topic, the form, or neither, layer by layer. */
export function relationsSection(
  document: Document,
  tokens: Resemblance,
  layers: Layers,
  answers: readonly Answer[],
): VNode {
  const all = [tokens, ...layers]
  const measure = (title: string, caption: string, of: (one: Resemblance) => ByRelation): VNode => {
    const { grid, chart } = relationMap(document, title, all.map(of), answers)
    return html`<h3>${title}</h3>
      ${figure(caption, chart, {
        caption: title,
        columns: ['Two sets share', ...grid.columns],
        rows: grid.rows.map((head, r) => ({
          head,
          cells: grid.values[r].map((value) => value!.toFixed(3)),
        })),
      })}`
  }
  const top = tokens.jaccard.top
  return section('relations', 'Same topic or same form', [
    html`<p>
      A set holds the texts on one topic in one form. Any two sets share the topic, the form, or neither. Here
      is how alike they are on average. “tokens” counts each text’s tokens instead of features: how alike the
      texts are before any model reads them.
    </p>`,
    measure(
      'Cosine of mean features',
      'The cosine of two sets’ mean feature vectors: 1 if the same features fire in the same proportions, 0 if none in common.',
      ({ cosine }) => cosine,
    ),
    measure(
      'Overlap of the strongest features',
      `Jaccard overlap: of the ${top} strongest features of two sets, how many both have, of all that either has.`,
      ({ jaccard }) => jaccard,
    ),
    dataTable({
      caption: 'What sharing adds to the cosine, over sharing neither',
      columns: ['Of', 'A form', 'p', 'A topic', 'p', 'Difference', '95 % interval', 'Answer'],
      rows: all.map(({ cosine: { form_effect, idea_effect, difference } }, i) => ({
        head: nameOf(answers[i].layer),
        cells: [
          ...[showCosine(form_effect.value), showP(form_effect.p)],
          ...[showCosine(idea_effect.value), showP(idea_effect.p)],
          showCosine(difference.value),
          difference.interval.map(showCosine).join('\u00a0to\u00a0'),
          answers[i].verdict.replaceAll(' ', '\u00a0'),
        ],
      })),
    }),
    html`<p>
      p: how often shuffled labels add as much, with topics shuffled within each form and forms within each
      topic. It is not corrected here; in the sentences above it is corrected for the number of tests. The
      interval is for the difference, form minus topic, under another choice of ideas on the same topics.
    </p>`,
  ])
}

/** Every cell against every other, by form and then topic: blocks are forms, lines beside the diagonal topics. */
export function cellsSection(
  document: Document,
  design: Design,
  tokens: Resemblance,
  layers: readonly LayerResult[],
): VNode {
  const parts = [{ ...tokens, layer: null }, ...layers].map(({ layer, cosines }) => ({
    title: layer === null ? 'The tokens themselves' : `Layer ${layer}`,
    content: cellsFigure(document, design, nameOf(layer), cosines),
  }))
  return section('cells', 'Every topic and form', [
    html`<p>
      The cosine of the mean features of any two sets, in order of form, then topic. Dark squares along the
      diagonal are forms whose texts look alike whatever their topic; dark lines parallel to it are topics
      that look alike whatever their form. Each picture has its own scale.
    </p>`,
    layerParts(parts),
  ])
}

function cellsFigure(
  document: Document,
  design: Design,
  name: string,
  cosines: Resemblance['cosines'],
): VNode {
  const { topics, forms } = design
  const order = forms.flatMap((_, form) => topics.map((_, topic) => topic * forms.length + form))
  const names = order.map((cell) => cellNames(design)[cell])
  const values = order.map((row) => order.map((column) => cosines[row][column]))
  const others = values.flatMap((row, r) => row.filter((_, c) => c !== r))
  const range: Matrix['range'] = [Math.min(...others), Math.max(...others)]
  const title = `${name}: cosine of every two sets’ mean features`
  const about = {
    title,
    description: `${names.length} sets, in order of form: ${forms.join(', ')}. Lowest ${showCorrelation(range[0])}, highest ${showCorrelation(range[1])}.`,
  }
  const chart = matrixChart(document, { names, values, range, group: topics.length }, about)
  const caption = `From ${showCorrelation(range[0])} to ${showCorrelation(range[1])}, each set’s likeness to itself left out.`
  const scale = colourScale(showCorrelation(range[0]), showCorrelation(range[1]))
  return figure(caption, [chart, scale], {
    caption: title,
    columns: ['Set', ...names],
    rows: names.map((head, r) => ({
      head,
      cells: values[r].map((value) => ({ content: showCorrelation(value), level: stepWithin(value, range) })),
    })),
  })
}
