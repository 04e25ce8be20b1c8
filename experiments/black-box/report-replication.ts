// The report's sections on the post itself: its numbers and claims beside ours.
import { html } from '../lab/report/html.ts'
import type { VNode } from 'preact'
import { findingList, section } from '../lab/report/sections.ts'
import { dataTable } from '../lab/report/tables.ts'
import {
  postOrigin,
  replicationCells,
  replicationHead,
  replicationSummary,
  type ReplicationRow,
} from '../lab/analysis/replication.ts'
import type { PostClaim } from './post-claims.ts'
import { verdictBadge } from './report-statistics.ts'

/** The post's numbers beside ours; nothing where there is nothing to compare. */
export function replicationSection(rows: readonly ReplicationRow[]): VNode | null {
  if (rows.length === 0) return null
  const sorted = [...Map.groupBy(rows, ({ category }) => category).values()].flat()
  return section('replication', 'The post’s figures and ours', [
    html`<p>${replicationSummary(rows)}</p>`,
    dataTable({
      caption: 'Peak, sum of the top 5 and specialist score: as published, and as computed here',
      columns: replicationHead,
      rows: sorted.map((row) => ({ head: row.category, cells: [row.layer, ...replicationCells(row)] })),
    }),
    html`<p><small>${postOrigin}</small></p>`,
  ])
}

/** The post's claims, by its own numbers and by ours; nothing where there is nothing to compare. */
export function claimsSection(claims: readonly PostClaim[]): VNode | null {
  if (claims.length === 0) return null
  return section('claims', 'The post’s claims', [
    html`<p>
      Each claim by the figures that the post itself publishes, and by those of this run, which are under
      ${' '}<a href="#findings">What holds</a>.
    </p>`,
    findingList(
      claims.map(({ claim, published, ours }) => [
        ...[html`<strong>${claim}</strong>`, ': in this run, ', verdictBadge(ours), '. '],
        html`<span class="detail">By the post’s own figures: ${published}</span>`,
      ]),
    ),
  ])
}
