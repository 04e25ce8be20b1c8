import { html } from 'htm/preact'
import type { VNode } from 'preact'
import { dataTable } from '../report/tables.ts'
import {
  publishedOrigin,
  replicationCells,
  replicationHead,
  replicationSummary,
  type ReplicationRow,
} from './published.ts'

/** The post's figures beside ours; nothing where there is nothing to compare. */
export function replicationSection(rows: readonly ReplicationRow[]): VNode | null {
  if (rows.length === 0) return null
  const sorted = [...Map.groupBy(rows, ({ category }) => category).values()].flat()
  return html`<section aria-labelledby="replication">
    <h2 id="replication">The post’s figures and ours</h2>
    <p>${replicationSummary(rows)}</p>
    ${dataTable({
      caption: 'Peak, sum of the top 5 and specialist score: as published, and as computed here',
      columns: replicationHead,
      rows: sorted.map((row) => ({
        head: row.category,
        cells: [String(row.layer), ...replicationCells(row)].map((content) => ({ content })),
      })),
    })}
    <p><small>${publishedOrigin}</small></p>
  </section>`
}
