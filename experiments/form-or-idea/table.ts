// The experiment's tables for a terminal.
import { mean, SIGNIFICANT } from '../lab/analysis/statistics.ts'
import { formatTable } from '../lab/cli/table.ts'
import { showP } from './answer.ts'
import type { Design } from './design.ts'
import type { Answer, LayerResult, Resemblance } from './layer-result.ts'
import { cellSpecialists } from './specialists.ts'
import type { SymbolShare } from './token-kinds.ts'

/** The terminal's tables: one line per layer. The tokens themselves come first, to show what needs no model. */
export function summaryTables(
  tokens: Resemblance,
  layers: readonly LayerResult[],
  found: readonly Answer[],
  { topics, forms }: Pick<Design, 'topics' | 'forms'>,
): string {
  const two = (value: number): string => value.toFixed(2)
  const resemblance = [tokens, ...layers].map(({ cosine, jaccard }, i) => [
    found[i].layer === null ? 'tokens' : `layer ${found[i].layer}`,
    ...[cosine.idea, cosine.form, cosine.neither].map(two),
    showP(cosine.idea_effect.p),
    showP(cosine.form_effect.p),
    ...[jaccard.idea, jaccard.form, jaccard.neither].map(two),
    found[i].verdict,
  ])
  const head = ['', 'same topic', 'same form', 'neither', 'p topic', 'p form']
  return [
    'Cosine of two sets of texts’ mean features, and Jaccard overlap of their strongest (J)',
    formatTable([...head, 'J topic', 'J form', 'J neither', 'surface form or idea?'], resemblance),
    '',
    'Specialists beyond chance. Of those found in one topic and form: in what share of texts they fire elsewhere,',
    'and what share of their activation is on symbols, beside the share of tokens that are',
    formatTable(
      [
        ...['', 'topics', 'forms', 'topic in other forms', 'form in other topics'],
        ...['on symbols: topic', 'form', 'tokens'],
      ],
      layers.map((layer) => [`layer ${layer.layer}`, ...specialistCells(layer, topics.length, forms.length)]),
    ),
  ].join('\n')
}

function specialistCells({ specialists, transfer }: LayerResult, topics: number, forms: number): string[] {
  const beyond = (kind: 'topic' | 'form'): number =>
    specialists.filter(
      (one) => one.kind === kind && one.p_corrected !== null && one.p_corrected <= SIGNIFICANT,
    ).length
  return [
    `${beyond('topic')} of ${topics}`,
    `${beyond('form')} of ${forms}`,
    percent(transfer.topic.elsewhere),
    percent(transfer.form.elsewhere),
    percent(meanOf(specialists, 'topic', ({ of_activation }) => of_activation)),
    percent(meanOf(specialists, 'form', ({ of_activation }) => of_activation)),
    percent(meanOf(specialists, 'form', ({ of_tokens }) => of_tokens)),
  ]
}

/** The mean of a share over the layer's specialists of single cells; null where there is none. */
function meanOf(
  specialists: LayerResult['specialists'],
  kind: 'topic' | 'form',
  share: (symbols: SymbolShare) => number | null,
): number | null {
  const shares = cellSpecialists(specialists, kind).flatMap(({ symbols }) => share(symbols) ?? [])
  return shares.length > 0 ? mean(shares) : null
}

/** `37 %` */
export function percent(share: number | null): string {
  return share === null ? '–' : `${Math.round(100 * share)} %`
}
