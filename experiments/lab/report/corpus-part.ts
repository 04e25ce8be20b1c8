// What a corpus says of a feature, on its card and its page.
import type { VNode } from 'preact'
import type { CorpusFeature, ExampleRow, FeatureRow, Manifest } from '../analysis/corpus/corpus-format.ts'
import type { TokenEffect } from '../analysis/features/feature-dashboard.ts'
import { html } from './html.ts'
import { count, showNumber, showShare } from './numbers.ts'
import { markedRuns, tokenRuns, visible } from './tokens.ts'

/** A feature over a corpus, and what the corpus is. */
export interface InCorpus extends CorpusFeature {
  readonly manifest: Manifest
}

/** The fields that are shown. */
export interface ShownInCorpus {
  readonly row: Pick<FeatureRow, 'density' | 'mean' | 'max' | 'partners' | 'partners_correlation'> & {
    readonly firings: number | bigint
  }
  readonly examples: readonly ShownExample[]
  readonly manifest: { readonly texts: Pick<Manifest['texts'], 'tokens' | 'documents'> }
}

export type ShownExample = Pick<
  ExampleRow,
  'interval' | 'interval_from' | 'interval_to' | 'activation' | 'label' | 'file' | 'row' | 'at' | 'tokens'
> & { readonly interval_firings: number | bigint | null; readonly activations: ArrayLike<number> }

/** How often and how strongly it fires there, in a sentence. */
export function corpusSentence({ row, manifest }: ShownInCorpus): string {
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

/** The sentence, its partners, `shown` of its strongest firings, and those drawn from strong to weak. */
export function corpusPart(feature: ShownInCorpus, shown: number): VNode {
  return html`<div>
    <p class="facts">${corpusSentence(feature)}</p>
    ${partnersPart(feature)} ${strongestFirings(feature, shown)} ${drawnFirings(feature)}
  </div>`
}

/** The features that fire on the same tokens; `name` shows a feature's number. Null if there are none. */
export function partnersPart(
  { row }: ShownInCorpus,
  name: (feature: number) => VNode | string = String,
): VNode | null {
  if (row.partners.length === 0) return null
  const partners = row.partners.flatMap((partner, i) => [
    i === 0 ? '' : ', ',
    name(partner),
    ` (${showNumber(row.partners_correlation[i])})`,
  ])
  return html`<p class="facts">Fires together with ${partners}.</p>`
}

/** The strongest firings in the corpus, at most `shown`. */
export function strongestFirings({ row, examples }: ShownInCorpus, shown: number): VNode {
  return exampleList(examples.filter(({ interval }) => interval === 0).slice(0, shown), row.max)
}

/** Firings drawn at random from each interval of its activations, the strongest interval first; null if there are none. */
export function drawnFirings({ row, examples }: ShownInCorpus): VNode | null {
  const intervals = [...Map.groupBy(examples, ({ interval }) => interval)].filter(
    ([interval]) => interval > 0,
  )
  if (intervals.length === 0) return null
  return html`<details class="more">
    <summary>A sample of its firings, from strong to weak</summary>
    ${intervals.map(([, own]) => {
      const [{ interval_from: from, interval_to: to, interval_firings: firings }] = own
      return html`<p class="note">
          ${`From ${showNumber(from)} to ${showNumber(to)}: ${own.length} of ${count(Number(firings), 'firing')}`}
        </p>
        ${exampleList(own, row.max)}`
    })}
  </details>`
}

const exampleList = (wanted: readonly ShownExample[], max: number | null): VNode =>
  html`<ol class="texts">
    ${wanted.map((one) => exampleItem(one, max ?? 0))}
  </ol>`

function exampleItem(
  { tokens, activations, activation, label, file, row }: ShownExample,
  max: number,
): VNode {
  const firing = Array.from(activations).flatMap((value, i) =>
    value > 0 ? [i + 1, Number(value.toPrecision(3))] : [],
  )
  return html`<li>
    <p class="note">
      ${label !== null && [html`<b>${visible(label)}</b>`, ' ']}
      ${`${visible(file)}, row ${row} · ${showNumber(activation)}`}
    </p>
    <p class="tokens" dir="auto">${markedRuns(tokenRuns(['', ...tokens], firing, max))}</p>
  </li>`
}
