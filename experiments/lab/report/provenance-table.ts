import { html } from './html.ts'
import type { VNode } from 'preact'

/** All that decides the numbers of a result. A line is left out only where it does not apply. */
export interface Provenance {
  model: string
  sae?: string
  backend: string
  /** Which of the backend's ways really ran, e.g. `wasm: simd128, 2 threads`. */
  mode: string
  /** What was done to the residual stream before the SAE read it. */
  basis: string
  hook: string
  bos: string
  pooling: string
  threshold: string
  seed?: string
  command: string
  version: string
}

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
  seed: 'Seed',
  command: 'Command',
  version: 'Version',
}

/** The table "How this was made". */
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
