// The report of a training: its curves, and how well the SAE does on texts that it was not trained on.
import type { Provenance } from '../../lab/models/provenance.ts'
import type { SaeEvaluation } from '../../lab/models/sae-quality.ts'
import { curve } from '../../lab/report/curve.ts'
import { html } from '../../lab/report/html.ts'
import { showNumber, showShare } from '../../lab/report/numbers.ts'
import type { Run } from '../../lab/report/published-node.ts'
import { renderReport } from '../../lab/report/report-page.ts'
import { pictureOf, section } from '../../lab/report/sections.ts'
import { dataTable } from '../../lab/report/tables.ts'
import { DEAD_AFTER, type Point, type Settings } from './settings.ts'
import type { Trained } from './train.ts'

interface TrainingPage {
  readonly run: Run
  readonly provenance: Provenance
  readonly settings: Settings
  readonly trained: Trained
  readonly qualities: ReadonlyMap<string, SaeEvaluation>
}

type Curve = Exclude<keyof Point, 'tokens'>

const CURVES: Record<Curve, string> = {
  loss: 'Loss',
  l0: 'L0: active features per token',
  explainedVariance: 'Explained variance',
  deadFeatures: `Dead features: active on none of the last ${DEAD_AFTER} tokens`,
}

export function renderTrainingReport({
  run,
  provenance,
  settings,
  trained,
  qualities,
}: TrainingPage): string {
  const { hook, dSae, tokens, architecture } = settings
  const [quality] = qualities.values()
  const { head, rows } = qualityRows(qualities)
  const points = trained.history.map((point) => [
    point.loss.toPrecision(4),
    point.l0.toFixed(1),
    showShare(point.explainedVariance),
    point.deadFeatures,
  ])
  return renderReport({
    ...{ run, provenance, links: [] },
    title: 'An SAE, trained',
    eyebrow: 'Training',
    question: `How does an SAE of ${hook} learn its features?`,
    answer: `On ${quality.tokens} tokens held out, ${showNumber(quality.l0)} of its ${dSae} features are active per token, and they explain ${showShare(quality.explained_variance)} of the variance.`,
    background:
      'A sparse autoencoder rewrites an activation as a sum of a few of its many directions. It is trained to rebuild what it reads ' +
      'while few of its features are active. So it finds directions that explain much and are seldom needed.',
    picture: pictureOf(
      `Each point is one batch of ${settings.batch} tokens; the cost of activity rises over the first tenth.`,
      (Object.keys(CURVES) as Curve[]).map((name) =>
        curve(
          CURVES[name],
          trained.history.map((point) => ({ tokens: point.tokens, value: point[name] })),
        ),
      ),
    ),
    claims: html`<p>
      A ${architecture} SAE, trained on ${tokens} tokens: learning rate ${settings.rate},
      ${describeCost(settings)}, inputs multiplied by ${trained.scale.toPrecision(4)} (folded into the
      weights).
    </p>`,
    body: [
      section(
        'held-out',
        'On held-out texts',
        dataTable({
          caption:
            'Loss recovered: 1 if putting the reconstruction in place of the stream costs the model nothing',
          columns: head,
          rows: rows.map(([name, ...cells]) => ({ head: name, cells })),
        }),
      ),
      section(
        'numbers',
        'The numbers of the curves',
        dataTable({
          caption: 'Batch by batch',
          columns: ['Tokens', 'Loss', 'L0', 'Explained variance', 'Dead features'],
          rows: trained.history.map((point, i) => ({ head: point.tokens, cells: points[i] })),
        }),
      ),
    ],
    footer: 'Explained variance: 1 − Σ|x − x̂|² / Σ|x − mean(x)|², the mean over tokens, per dimension.',
  })
}

function describeCost({ architecture, k, l1, l0, widths }: Settings): string {
  if (architecture === 'jumprelu') return `L0 cost ${l0}`
  if (architecture === 'standard' || architecture === 'gated') return `L1 cost ${l1}`
  return architecture === 'matryoshka' ? `k ${k}, prefixes of ${widths.join(', ')} features` : `k ${k}`
}

/** How well SAEs do, one row each, for the page and for the terminal. */
export function qualityRows(qualities: ReadonlyMap<string, SaeEvaluation>): {
  head: string[]
  rows: (string | number)[][]
} {
  return {
    head: [
      'SAE',
      'tokens',
      'L0',
      'explained',
      'costs, nats',
      'CE recovered',
      'of mean',
      'features',
      'active on none',
    ],
    rows: Array.from(qualities, ([name, quality]) => [
      ...[name, quality.tokens, quality.l0.toFixed(1), quality.explained_variance.toFixed(3)],
      ...[quality.ce_spliced - quality.ce_clean, quality.ce_recovered, quality.ce_recovered_of_mean].map(
        (value) => value.toFixed(3),
      ),
      ...[quality.d_sae, quality.dead_features],
    ]),
  }
}
