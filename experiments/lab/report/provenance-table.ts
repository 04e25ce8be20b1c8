// The table "How this was made" of a report.
import { html } from './html.ts'
import type { VNode } from 'preact'
import type { Provenance } from '../models/provenance.ts'

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
  seed: 'Seed',
  command: 'Command',
  version: 'Version',
}

export function provenanceTable(provenance: Provenance): VNode {
  const keys = (Object.keys(NAMES) as (keyof Provenance)[]).filter((key) => provenance[key] !== undefined)
  const value = (key: keyof Provenance): VNode | string =>
    key === 'command' ? html`<code>${provenance[key]}</code>` : (provenance[key] ?? '')
  return html`<table class="provenance">
    <caption>
      How this was made
    </caption>
    <tbody>
      ${keys.map(
        (key) =>
          html`<tr>
            <th scope="row">${NAMES[key]}</th>
            <td>${value(key)}</td>
          </tr>`,
      )}
    </tbody>
  </table>`
}
