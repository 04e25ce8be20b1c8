// The table "How this was made" of a report.
import { html } from './html.ts'
import type { VNode } from 'preact'
import type { Provenance } from '../models/provenance.ts'
import { showDate } from './numbers.ts'
import type { Run } from './published-node.ts'
import { visible } from './tokens.ts'

const NAMES: Record<keyof Provenance, string> = {
  model: 'Model',
  sae: 'SAEs',
  backend: 'Backend',
  mode: 'Mode',
  basis: 'Residual basis',
  hook: 'Hook',
  bos: 'BOS',
  pooling: 'Pooling',
  threshold: 'Threshold',
  long: 'Long texts',
  identical: 'Identical texts',
  corpus: 'Corpus',
  seed: 'Seed',
  command: 'Command',
  version: 'Version',
}

export function provenanceTable(provenance: Provenance, run: Run): VNode {
  const keys = (Object.keys(NAMES) as (keyof Provenance)[]).filter((key) => provenance[key] !== undefined)
  const value = (key: keyof Provenance): VNode | string => {
    const shown = visible(provenance[key] ?? '')
    return key === 'command' ? html`<code>${shown}</code>` : shown
  }
  const row = (name: string, content: VNode | string): VNode =>
    html`<tr>
      <th scope="row">${name}</th>
      <td>${content}</td>
    </tr>`
  return html`<table class="provenance">
    <caption>
      How this was made
    </caption>
    <tbody>
      ${keys.map((key) => row(NAMES[key], value(key)))} ${row('Run', `${showDate(run.date)}, ${run.id}`)}
    </tbody>
  </table>`
}
