// What was measured, in words and in rows, for the terminal and the page.
import { formatTable } from '../lab/cli/table.ts'
import { count, showNumber, showShare } from '../lab/report/numbers.ts'
import type { Convention, Losses, MeasuredSae } from './measure.ts'

export const QUESTION =
  'How much of the activation at its hook does each SAE keep, and what does the model lose with the SAE in place?'

export const CONVENTIONS: Record<Convention, string> = {
  clearbox: 'clearbox: BOS is replaced, and the prediction made at it counts',
  saelens: 'SAELens: BOS is neither replaced nor scored; only zeros are put there, too',
}

/** How each number is computed. x̂ is what is rebuilt, f the features, p and q what the model predicts without and with the change. */
export const FORMULAS: readonly string[] = [
  'L0, L1: mean over tokens of how many features are active, and of Σ f. Dead: active on no token; dense: on more than a tenth.',
  'explained variance: 1 − Σ|x − x̂|² / Σ|x − mean(x)|², the mean over tokens, per dimension. SAELens’ since July 2026; published figures are older, by other formulas and on other texts.',
  'MSE: mean over tokens of |x − x̂|², summed over dimensions. cosine: mean over tokens of x · x̂ / (|x| |x̂|).',
  'CE: mean −log q(next token), nats. recovered: (CE ablated − CE spliced) / (CE ablated − CE clean).',
  'KL: mean KL(p ‖ q), nats, which includes a text’s last token, although it has no next one.',
  'BOS is left out of everything but CE and KL, by both conventions.',
]

type Rows = { head: string[]; rows: (string | number)[][] }

/** What the SAEs keep, one row each. */
export function keptRows(saes: readonly MeasuredSae[]): Rows {
  const published = (value: number | null) => (value === null ? '–' : String(value))
  return {
    head: [
      ...['SAE', 'L0', 'published', 'explained', 'published', 'MSE', 'cosine', 'L1'],
      ...['features', 'dead', 'dense'],
    ],
    rows: saes.map((sae) => [
      ...[sae.hook, showNumber(sae.l0), published(sae.published.l0)],
      ...[sae.explained_variance.toFixed(3).replace('-', '−'), published(sae.published.explained_variance)],
      ...[showNumber(sae.mse), sae.cosine.toFixed(3).replace('-', '−'), showNumber(sae.l1)],
      ...[sae.d_sae, sae.dead_features, sae.dense_features],
    ]),
  }
}

const COLUMNS: Record<keyof Losses, string> = {
  ce_clean: 'CE clean',
  ce_spliced: 'spliced',
  ce_zero_ablated: 'zeros',
  ce_mean_ablated: 'mean',
  ce_recovered_of_zero: 'recovered of zeros',
  ce_recovered_of_mean: 'of mean',
  kl_spliced: 'KL spliced',
  kl_zero_ablated: 'zeros',
  kl_mean_ablated: 'mean',
}

/** What the model loses, two rows per SAE. */
export function lostRows(saes: readonly MeasuredSae[]): Rows {
  const names = Object.keys(COLUMNS) as (keyof Losses)[]
  const rows = saes.flatMap(({ hook, losses }) =>
    (Object.keys(CONVENTIONS) as Convention[]).map((convention) => [
      ...[hook, convention === 'saelens' ? 'SAELens' : 'clearbox'],
      ...names.map((name) => showFixed(losses[convention][name])),
    ]),
  )
  return { head: ['SAE', 'by', ...names.map((name) => COLUMNS[name])], rows }
}

const showFixed = (value: number): string => (Number.isNaN(value) ? '–' : value.toFixed(3).replace('-', '−'))

/** All of it, for a terminal. */
export function summaryTables(saes: readonly MeasuredSae[]): string {
  const table = ({ head, rows }: Rows) => formatTable(head, rows)
  return [
    `What the SAEs keep, BOS left out\n${table(keptRows(saes))}`,
    `What the model loses, nats per token. ${Object.values(CONVENTIONS).join('. ')}\n${table(lostRows(saes))}`,
    FORMULAS.join('\n'),
  ].join('\n\n')
}

/** What was found, in a sentence. */
export function answerOf(saes: readonly MeasuredSae[]): string {
  const range = (values: readonly number[], show: (value: number) => string) => {
    const [low, high] = [show(Math.min(...values)), show(Math.max(...values))]
    return low === high ? low : `${low} to ${high}`
  }
  const of = (value: (sae: MeasuredSae) => number, show = showShare) => range(saes.map(value), show)
  const which = saes.length === 1 ? `The SAE of ${saes[0].hook}` : `The ${count(saes.length, 'SAE')}`
  return (
    `${which} explain${saes.length === 1 ? 's' : ''} ${of((sae) => sae.explained_variance)} of the variance with ` +
    `${of((sae) => sae.l0, showNumber)} features per token; of the loss that zeros would cause, ` +
    `${of((sae) => sae.losses.clearbox.ce_recovered_of_zero)} is recovered, ` +
    `${of((sae) => sae.losses.saelens.ce_recovered_of_zero)} as SAELens counts.`
  )
}
