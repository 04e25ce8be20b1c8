// A feature as a card for the terminal.
import { styleText } from 'node:util'
import { visibleLine } from '../lab/cli/print.ts'
import { formatTable } from '../lab/cli/table.ts'
import {
  excerpt,
  firingTokens,
  namedFeature,
  showToken,
  tokenRuns,
  type TokenText,
} from '../lab/report/tokens.ts'
import { corpusSentence, type InCorpus } from '../lab/report/corpus-part.ts'
import type { ExplainedFeature } from '../lab/analysis/features/explain.ts'
import { sentences } from '../lab/report/feature-sentences.ts'

const TEXTS = 5
/** Tokens shown before and behind a text's strongest. */
const AROUND = 24

/** Whether to write colours: to a terminal, unless its user said no (no-color.org). */
export function wantsColour(out: { readonly isTTY?: boolean }, env: NodeJS.ProcessEnv): boolean {
  return out.isTTY === true && !env.NO_COLOR
}

/** All that fits a screen; the report has the rest. */
export function terminalCard(
  { dashboard, column }: ExplainedFeature,
  texts: readonly TokenText[],
  colour: boolean,
  inCorpus?: InCorpus,
): string {
  const { layer, feature, max, firing_texts: firing, neuronpedia } = dashboard
  const found = sentences(
    dashboard,
    texts.map(({ category }) => category),
  )
  const strongest = firing.slice(0, TEXTS).map(({ text, position, max: most }) => {
    const line = markedText(texts[text].pieces, column[text], position, max ?? 0, colour)
    return `${most.toFixed(2).padStart(8)}  ${visibleLine(texts[text].category)}: ${line}`
  })
  return [
    `Layer ${layer}, feature ${namedFeature(feature, firing.at(0)?.token)}`,
    ...found.map((sentence) => `- ${visibleLine(sentence)}`),
    ...(inCorpus ? [`- ${corpusSentence(inCorpus)}`, ...corpusLines(inCorpus, colour)] : []),
    ...(neuronpedia === null ? [] : [neuronpedia]),
    ...(firing.length === 0 ? [] : ['', 'Strongest texts, the tokens that fire marked', ...strongest]),
    ...(max === null
      ? []
      : ['', `Activations  0 ${sparkline(dashboard.histogram.counts)} ${max.toFixed(2)}`]),
    '',
    'Logits per unit of the feature',
    lensTable(dashboard),
    ...relativesTable(dashboard),
  ].join('\n')
}

/** Its strongest firings in the corpus. */
function corpusLines({ row, examples }: InCorpus, colour: boolean): string[] {
  const strongest = examples.filter(({ interval }) => interval === 0).slice(0, TEXTS)
  return strongest.map(({ tokens, activations, at, activation, file }) => {
    const values = Float32Array.of(0, ...activations)
    const line = markedText(['', ...tokens], values, at + 1, row.max ?? 0, colour)
    return `${activation.toFixed(2).padStart(8)}  ${visibleLine(file)}: ${line}`
  })
}

/** The tokens around `position`, those that fire in colour or, without, in brackets. */
export function markedText(
  pieces: readonly string[],
  activations: Float32Array,
  position: number,
  max: number,
  colour: boolean,
): string {
  const shown = excerpt(pieces, firingTokens(pieces, activations), position, AROUND)
  const runs = tokenRuns(shown.pieces, shown.firing, max).map(({ text, level }) => {
    const line = text.replaceAll('\n', ' ').replaceAll('\t', ' ')
    if (level === 0) return line
    return colour ? styleText(styleOf(level), line, { validateStream: false }) : `⟦${line}⟧`
  })
  return `${shown.before ? '…' : ''}${runs.join('')}${shown.after ? '…' : ''}`
}

/** Of the eight steps of the scale, what every terminal can tell apart. */
function styleOf(level: number): ('yellow' | 'bold' | 'black' | 'bgYellow')[] {
  if (level <= 3) return ['yellow']
  return level <= 6 ? ['bold', 'yellow'] : ['black', 'bgYellow']
}

/** Counts as a row of blocks; the lowest block means at least one, a space none. */
function sparkline(counts: readonly number[]): string {
  const most = Math.max(...counts)
  return counts.map((number) => ' ▁▂▃▄▅▆▇█'[Math.ceil((number / most) * 8)]).join('')
}

function lensTable({ promoted, suppressed }: ExplainedFeature['dashboard']): string {
  return formatTable(
    ['promotes', '', 'suppresses', ''],
    promoted.map((up, i) => [
      showToken(up.token),
      up.logit.toFixed(3),
      showToken(suppressed[i].token),
      suppressed[i].logit.toFixed(3),
    ]),
  )
}

function relativesTable({ layer, nearest, next_layer: next }: ExplainedFeature['dashboard']): string[] {
  const correlated = next?.features ?? []
  const rows = Math.max(nearest.length, correlated.length)
  if (rows === 0) return []
  const head = [`near in layer ${layer}`, 'cosine']
  const more = next === null ? [] : [`goes with it in layer ${next.layer}`, 'correlation', 'both fire']
  const table = Array.from({ length: rows }, (_, i) => {
    const [near, other] = [nearest[i], correlated[i]]
    const left = near ? [namedFeature(near.feature, near.token), near.cosine.toFixed(3)] : ['', '']
    const right = other
      ? [namedFeature(other.feature, other.token), other.correlation.toFixed(3), `${other.together}`]
      : ['', '', '']
    return [...left, ...(next === null ? [] : right)]
  })
  return ['', 'Related features', formatTable([...head, ...more], table)]
}
