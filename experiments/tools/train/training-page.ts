// The report of a training: its curve, and how well the model does on texts that it was not trained on.
import { curve } from '../../lab/report/curve.ts'
import { html } from '../../lab/report/html.ts'
import type { Provenance } from '../../lab/models/provenance.ts'
import type { Run } from '../../lab/report/published-node.ts'
import { renderReport } from '../../lab/report/report-page.ts'
import { pictureOf, section } from '../../lab/report/sections.ts'
import { dataTable } from '../../lab/report/tables.ts'
import type { Gpt2Config } from '../../../gpt2/config.ts'
import type { Settings } from './settings.ts'
import type { Trained } from './train.ts'

interface TrainingPage {
  readonly run: Run
  readonly provenance: Provenance
  readonly config: Gpt2Config
  readonly settings: Settings
  readonly trained: Trained
}

export function renderTrainingReport({ run, provenance, config, settings, trained }: TrainingPage): string {
  const { history, heldOut, steps } = trained
  const { nLayers, dModel, nHeads, nCtx, dVocab } = config
  const ofTraining = history.map(({ tokens, loss }) => ({ tokens, value: loss }))
  const ofHeldOut = history.flatMap(({ tokens, heldOut }) =>
    heldOut === undefined ? [] : [{ tokens, value: heldOut }],
  )
  return renderReport({
    ...{ run, provenance, links: [] },
    title: 'A GPT-2, trained',
    eyebrow: 'Training',
    question: 'How does a GPT-2 learn?',
    answer: `On held-out texts it predicts the next token with a loss of ${heldOut.toFixed(3)} nats; a uniform guess costs ${Math.log(dVocab).toFixed(3)}.`,
    background:
      'A language model begins as random numbers. It reads passages and predicts, at each token, what comes next. Each of its ' +
      'weights is then moved a little in the direction that would have made the actual next token more likely.',
    picture: pictureOf(
      `Loss in nats per token: the solid line is for the batch (${settings.batch} passages), the dashed line for held-out passages.`,
      [curve('Loss', ofTraining, ofHeldOut)],
    ),
    claims: html`<p>
      ${nLayers} layers, d_model ${dModel}, ${nHeads} heads, ${nCtx} positions, ${dVocab} tokens of
      vocabulary; ${steps} steps of ${settings.batch} passages by AdamW: learning rate ${settings.rate},
      weight decay ${settings.weightDecay}, gradients clipped to 1.
    </p>`,
    body: section(
      'numbers',
      'The numbers of the curve',
      dataTable({
        caption: 'Loss in nats per token',
        columns: ['Tokens', 'Batch', 'Held out'],
        rows: history.map(({ tokens, loss, heldOut }) => ({
          head: tokens,
          cells: [loss.toFixed(4), heldOut?.toFixed(4) ?? ''],
        })),
      }),
    ),
    footer: 'Loss: the mean of −log p(next token) over all next tokens of passages that begin with BOS.',
  })
}
