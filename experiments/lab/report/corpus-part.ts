// What a corpus says of a feature, on its card and its page.
import type { VNode } from 'preact'
import type { CorpusFeature, ExampleRow, Manifest } from '../analysis/corpus/corpus-format.ts'
import type { TokenEffect } from '../analysis/features/feature-dashboard.ts'
import { html } from './html.ts'
import { showNumber, showShare } from './numbers.ts'
import { markedRuns, tokenRuns, visible } from './tokens.ts'

/** A feature over a corpus, and what the corpus is. */
export interface InCorpus extends CorpusFeature {
  readonly manifest: Manifest
}

/** How often and how strongly it fires there, in a sentence. */
export function corpusSentence({ row, manifest }: InCorpus): string {
  const { tokens, documents } = manifest.texts
  const where = `${tokens.toLocaleString('en')} tokens of ${documents.toLocaleString('en')} documents`
  if (row.max === null) return `Over a corpus of ${where} it fires nowhere.`
  return (
    `Over a corpus of ${where} it fires on ${showShare(row.density)} of the tokens (${Number(row.firings).toLocaleString('en')}), ` +
    `with a mean of ${showNumber(row.mean)} and a maximum of ${showNumber(row.max)}.`
  )
}

/** What its direction promotes and suppresses, as the corpus has it. */
export function corpusLens({ row }: InCorpus): Record<'promoted' | 'suppressed', Omit<TokenEffect, 'id'>[]> {
  const { promoted, promoted_logits, suppressed, suppressed_logits } = row
  return {
    promoted: promoted.map((token, i) => ({ token, logit: promoted_logits[i] })),
    suppressed: suppressed.map((token, i) => ({ token, logit: suppressed_logits[i] })),
  }
}

/** The sentence, `shown` of its strongest firings, and those drawn from strong to weak. */
export function corpusPart(feature: InCorpus, shown: number): VNode {
  const { row, examples } = feature
  const partners = row.partners.map((partner, i) => `${partner} (${showNumber(row.partners_correlation[i])})`)
  const list = (wanted: readonly ExampleRow[]) =>
    html`<ol class="texts">
      ${wanted.map((one) => exampleItem(one, row.max ?? 0))}
    </ol>`
  const drawn = examples.filter(({ interval }) => interval > 0)
  return html`<div>
    <p class="facts">${corpusSentence(feature)}</p>
    ${partners.length > 0 && html`<p class="facts">Fires together with ${partners.join(', ')}.</p>`}
    ${list(examples.filter(({ interval }) => interval === 0).slice(0, shown))}
    ${
      drawn.length > 0 &&
      html`<details class="more">
        <summary>Drawn from its firings, from strong to weak</summary>
        ${list(drawn)}
      </details>`
    }
  </div>`
}

function exampleItem({ tokens, activations, activation, label, file, row }: ExampleRow, max: number): VNode {
  const firing = Array.from(activations).flatMap((value, i) =>
    value > 0 ? [i + 1, Number(value.toPrecision(3))] : [],
  )
  return html`<li>
    <p class="note">
      ${label !== null && html`<b>${visible(label)}</b>`}
      ${`${visible(file)}, row ${row} · ${showNumber(activation)}`}
    </p>
    <p class="tokens" dir="auto">${markedRuns(tokenRuns(['', ...tokens], firing, max))}</p>
  </li>`
}
