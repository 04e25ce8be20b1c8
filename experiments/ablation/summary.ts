// The experiment's tables for a terminal.
import { mean } from '../lab/analysis/statistics.ts'
import { formatTable, type TableCell } from '../lab/cli/table.ts'
import { count, showSigned } from '../lab/report/numbers.ts'
import { namedFeature } from '../lab/report/tokens.ts'
import type { AblationResults, Generation, TestedFeature } from './effects.ts'
import { correlationGrid, showRho } from './show.ts'
import { ofCategory } from '../lab/analysis/by-category.ts'

/** What a first look needs, on one screen; the rest is in the report. */
export function summaryTables(results: AblationResults): string {
  const [first, ...others] = results.generations
  const written = first && [
    writtenTable(first),
    ...(others.length > 0 ? [`The same with ${count(others.length, 'more feature')}: in the report.`] : []),
  ]
  return [
    `What taking out each category’s specialist (#) adds to the loss on its texts, nats per token; beside it the mean of random\n` +
      `features of about its size\n${specialistTable(results)}`,
    `Rank correlation of a feature’s score and what it does in its category\n${correlationTable(results)}`,
    ...(written ? [written.join('\n')] : []),
  ].join('\n\n')
}

/** A row for each category, a column for each layer. */
function specialistTable({ features, categories }: AblationResults): string {
  const layers = [...new Set(features.map(({ layer }) => layer))]
  const cell = (layer: number, category: string): TableCell => {
    const tested = features.filter((one) => one.layer === layer && one.category === category)
    const specialist = tested.find(({ kind }) => kind === 'specialist')
    if (!specialist) return '–'
    const randoms = tested.filter(({ kind }) => kind === 'random')
    const cost = ({ removed }: TestedFeature) => ofCategory(removed, category).loss
    const random = randoms.length > 0 ? ` (${showSigned(mean(randoms.map(cost)), 3)})` : ''
    const [number, token] = namedFeature(specialist.feature, specialist.token).split(/ (.*)/)
    return [`#${number} ${showSigned(cost(specialist), 3)}${random}`, token]
  }
  return formatTable(
    ['', ...layers.map((layer) => `layer ${layer}`)],
    categories.map(({ category }) => [category, ...layers.map((layer) => cell(layer, category))]),
  )
}

/** Only for the score: AUROC and size are in the report. */
function correlationTable(results: AblationResults): string {
  const { columns, rows } = correlationGrid(results)
  return formatTable(
    ['Spearman [95 % interval]', ...columns],
    rows
      .filter(({ cells }) => cells[0].predictor === 'score')
      .map(({ name, cells }) => [name, ...cells.map(showRho)]),
  )
}

const LINE = 90

/** The end of the prompt, and its continuation. */
function writtenTable({
  layer,
  feature,
  token,
  category,
  prompt,
  text,
  fires,
  ...written
}: Generation): string {
  const characters = [...prompt]
  const end = characters.length > LINE ? `…${characters.slice(-LINE).join('')}` : prompt
  const cut = (made: string) => ([...made].length > LINE ? `${[...made].slice(0, LINE).join('')}…` : made)
  const from = text === null ? 'the prompt' : `the start of text ${text + 1}, where it fires most`
  return [
    `Continued from ${from}: feature ${namedFeature(feature, token)} of layer ${layer} (${category})`,
    formatTable(
      ['', end],
      [
        ['as it is', cut(written.as_it_is)],
        [`off${fires ? '' : ' (never fires)'}`, cut(written.off)],
        ['up', cut(written.up)],
      ],
    ),
  ].join('\n')
}
