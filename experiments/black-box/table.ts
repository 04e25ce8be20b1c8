// A layer's analysis as text for a terminal: the tables of `npm run analyse`.
import { count } from '../lab/report/numbers.ts'
import { visibleLine } from '../lab/cli/print.ts'
import { formatTable } from '../lab/cli/table.ts'
import type { LayerAnalysis, Specialist } from '../lab/analysis/layer-analysis.ts'

const dash = '–'
const show = (value: number | null | undefined, digits = 2): string => value?.toFixed(digits) ?? dash

/** A text in quotes, on one line, cut after `limit` characters. */
function quote(text: string, limit: number): string {
  const characters = [...text]
  return `"${visibleLine(characters.slice(0, limit).join(''))}${characters.length > limit ? '…' : ''}"`
}

const scoreOf = ({ score, inside, outside }: Specialist): string => `${score} = ${inside} − ${outside}`

/** The findings over all categories, one line each. texts: all, in row order, quoted where one is named */
export function layerSummary(analysis: LayerAnalysis, texts: readonly string[]): string {
  const { strongest, most_frequent, most_selective, top5_strongest } = analysis
  const lines: [string, string][] = [
    [
      'strongest',
      strongest
        ? `feature ${strongest.feature}, ${show(strongest.value)} in text ${strongest.text + 1} ${quote(texts[strongest.text], 40)}`
        : 'no feature fires',
    ],
    ['top 5', top5_strongest.map(([feature, value]) => `${feature} (${show(value)})`).join(', ') || dash],
    [
      'most frequent',
      most_frequent
        ? `feature ${most_frequent.feature}, active in ${count(most_frequent.texts, 'text')}`
        : dash,
    ],
    [
      'most selective',
      most_selective
        ? `feature ${most_selective.feature} for ${visibleLine(most_selective.category)}, score ${scoreOf(most_selective)}`
        : dash,
    ],
    ['above threshold', `${count(analysis.pairs_above_threshold, 'pair')} of text and feature`],
  ]
  const layer = analysis.layer === null ? '' : `Layer ${analysis.layer}: `
  return [
    `${layer}${count(analysis.texts, 'text')}`,
    ...lines.map(([name, finding]) => `  ${name.padEnd(17)}${finding}`),
  ].join('\n')
}

/** One line per category. */
export function categoryTable(analysis: LayerAnalysis): string {
  return formatTable(
    ['category', 'peak', 'value', 'top 5', 'peak/top 5', 'Gini', 'of the top 5', 'score', 'best of all'],
    analysis.categories.map((one) => [
      one.category,
      one.peak?.feature ?? dash,
      show(one.peak?.value),
      show(one.aggregate_top5),
      show(one.peak_to_aggregate, 4),
      show(one.gini_top5, 4),
      one.specialist?.feature ?? dash,
      one.specialist ? scoreOf(one.specialist) : dash,
      one.full_search.best_score ?? dash,
    ]),
  )
}

const TEXTS_SHOWN = 2

/** One line per named feature, strongest first: in how many texts it fires, and in which it fires most. */
export function firingTable(analysis: LayerAnalysis, texts: readonly string[]): string {
  const features = Object.entries(analysis.firing_texts).sort(([, a], [, b]) => b[0][1] - a[0][1])
  return formatTable(
    ['feature', 'fires in', 'strongest texts'],
    features.map(([feature, firing]) => [
      feature,
      count(firing.length, 'text'),
      firing
        .slice(0, TEXTS_SHOWN)
        .map(([text, value]) => `${show(value)} ${quote(texts[text], 24)}`)
        .join('  '),
    ]),
  )
}
