import { formatTable } from '../common/table.ts'
import type { AblationResults, Generation, TestedFeature } from './results.ts'
import { correlationGrid, showRho, signed } from './show.ts'

const nats = (value: number): string => signed(value, 4)
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length

/** A specialist a line, its random features beside it; then the rank correlations, and what was written. */
export function summaryTables(results: AblationResults): string {
  return [
    `Specialists taken out (each in its own category; nats a token)\n${specialistTable(results)}`,
    `Rank correlations of what is known of a feature and what it does in its category\n${correlationTable(results)}`,
    ...results.generations.map(writtenTable),
  ].join('\n\n')
}

function specialistTable({ features }: AblationResults): string {
  const rows = features
    .filter(({ kind }) => kind === 'specialist')
    .map((one) => {
      const { layer, feature, category, score, removed, steered } = one
      const others = Object.keys(removed).filter((name) => name !== category)
      return [
        layer,
        category,
        `#${feature}`,
        score,
        one.fires_in,
        nats(removed[category].loss),
        others.length > 0 ? nats(mean(others.map((name) => removed[name].loss))) : '–',
        besides(features, one, ({ removed }) => removed[category].loss),
        percent(removed[category].flips),
        steered[category].kl.toFixed(3),
        besides(features, one, ({ steered }) => steered[category].kl, 3),
      ]
    })
  const head = ['layer', 'category', 'feature', 'score', 'fires in', 'loss', 'on others', 'random', 'flips']
  return formatTable([...head, 'up: KL', 'random'], rows)
}

/** The mean over the random features that stand beside a specialist. */
function besides(
  features: readonly TestedFeature[],
  { layer, category }: TestedFeature,
  effect: (one: TestedFeature) => number,
  digits = 4,
): string {
  const found = features.filter(
    (one) => one.kind === 'random' && one.layer === layer && one.category === category,
  )
  return found.length === 0 ? '–' : mean(found.map(effect)).toFixed(digits).replace('-', '−')
}

function correlationTable(results: AblationResults): string {
  const { columns, rows } = correlationGrid(results)
  return formatTable(
    ['Spearman', ...columns],
    rows.map(({ name, cells }) => [name, ...cells.map(showRho)]),
  )
}

const LINE = 90

/** The end of the prompt, and what was made of it. */
function writtenTable({ layer, feature, category, prompt, text, fires, ...written }: Generation): string {
  const characters = [...prompt]
  const end = characters.length > LINE ? `…${characters.slice(-LINE).join('')}` : prompt
  const cut = (made: string) => ([...made].length > LINE ? `${[...made].slice(0, LINE).join('')}…` : made)
  const from = text === null ? 'the prompt' : `the start of text ${text + 1}, where it fires most`
  return [
    `Written on from ${from}: feature ${feature} of layer ${layer} (${category})`,
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
