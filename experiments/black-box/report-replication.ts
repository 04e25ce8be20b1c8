import { html } from 'htm/preact'
import type { VNode } from 'preact'
import { dataTable } from '../lab/report/tables.ts'
import {
  publishedOrigin,
  replicationCells,
  replicationHead,
  replicationSummary,
  type ReplicationRow,
} from '../lab/analysis/replication.ts'
import type { PublishedClaim } from './post-claims.ts'
import { verdictBadge } from './report-statistics.ts'

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

/** The post's claims, by its own figures and by ours; nothing where there is nothing to compare. */
export function claimsSection(claims: readonly PublishedClaim[]): VNode | null {
  if (claims.length === 0) return null
  return html`<section aria-labelledby="claims">
    <h2 id="claims">The post’s claims</h2>
    <p>
      Each by the figures that the post itself publishes, and by those of this run, which stand under ${' '}<a
        href="#findings"
        >What holds</a
      >.
    </p>
    <ul class="findings">
      ${claims.map(
        ({ claim, published, ours }) =>
          html`<li>
            ${[html`<strong>${claim}</strong>`, ': in this run, ', verdictBadge(ours), '. ']}
            <span class="detail">By the post’s own figures: ${published}</span>
          </li>`,
      )}
    </ul>
  </section>`
}
