// The library: every feature of every SAE can be opened by number, searched and sorted.
import { html } from '../../lab/report/html.ts'
import { h, type VNode } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { count, showNumber, showShare } from '../../lab/report/numbers.ts'
import { showToken } from '../../lab/report/tokens.ts'
import { LONGEST_WORDS, PAGE, type LibraryQuery } from '../library-query.ts'
import type { LibraryPage, LibraryRow } from '../library-search.ts'
import type { FeatureRef } from '../../lab/models/changes.ts'
import type { Opened } from '../protocol.ts'
import { memo } from './memo.ts'
import { section, valueOf } from './parts.ts'
import type { Dispatch, OpenLibrary } from './state.ts'

interface Props {
  readonly opened: Opened
  readonly query: LibraryQuery
  readonly library: OpenLibrary | null
  /** The feature whose card is open. */
  readonly open: FeatureRef | null
  readonly dispatch: Dispatch
}

const BY_WORDS: Readonly<Record<LibraryQuery['by'], string>> = {
  fires: 'a token that it fires on',
  promotes: 'a token that it promotes',
  text: 'a text in which it fires',
}
const ORDER_WORDS: Readonly<Record<LibraryQuery['order'], string>> = {
  best: 'best match first',
  number: 'by number',
  frequent: 'most frequent first',
  rare: 'rarest first',
  strong: 'strongest first',
}

/** How many of a feature's tokens a row shows. */
const TOKENS = 4

export const LibrarySection = memo((props: Props): VNode => {
  const { corpus, saes } = props.opened
  const some = saes.filter(({ dSae }) => dSae > 0)
  const total = some.reduce((sum, { dSae }) => sum + dSae, 0)
  const counted =
    corpus === undefined
      ? 'No corpus was read with these SAEs.'
      : `How often and how strongly they fire was counted in ${corpus.documents.toLocaleString('en')} texts ` +
        `(${corpus.tokens.toLocaleString('en')} tokens).`
  return section(
    {
      id: 'library',
      title: 'Which features are there?',
      step: 'library',
      lead:
        total === 0
          ? 'None: this model came without SAEs.'
          : `All ${total.toLocaleString('en')} of ${count(some.length, 'SAE')}, whether they fire on your text or not. ${counted}`,
    },
    total > 0 && h(Contents, props),
  )
})

/** A component of its own, so that it notices when it is drawn: on a phone that is only once it is unfolded. */
function Contents(props: Props): VNode {
  const { opened, query, library, dispatch } = props
  const seen = useInSight(() => dispatch({ type: 'library-seen' }))
  const found = library?.found ?? null
  return html`<div ref=${seen} class="library">
    ${h(OpenByNumber, { opened, dispatch })}
    ${opened.corpus && [searchFields(props), results(library, props), pager(found, query, dispatch)]}
  </div>`
}

/** Reports once that it has come near the screen: nothing is fetched for readers who never get there. */
function useInSight(tell: () => void) {
  const element = useRef<HTMLDivElement>(null)
  useEffect(() => {
    const observer = new IntersectionObserver(
      (entries) => {
        if (!entries.some(({ isIntersecting }) => isIntersecting)) return
        observer.disconnect()
        tell()
      },
      { rootMargin: '400px' },
    )
    if (element.current) observer.observe(element.current)
    return () => observer.disconnect()
  }, [])
  return element
}

/** Opens the card of any feature. */
function OpenByNumber({ opened: { saes }, dispatch }: Pick<Props, 'opened' | 'dispatch'>): VNode {
  const [refused, setRefused] = useState('')
  const open = (event: SubmitEvent): void => {
    event.preventDefault()
    const fields = new FormData(event.currentTarget as HTMLFormElement)
    const [layer, number] = [Number(fields.get('layer')), fields.get('feature')]
    const written = typeof number === 'string' ? number.trim() : ''
    const exists = /^\d{1,6}$/.test(written) && Number(written) < saes[layer].dSae
    const { dSae } = saes[layer]
    const range =
      dSae > 0 ? `has features 0 to ${dSae - 1}: type one of these numbers` : 'has no SAE: choose another'
    setRefused(exists ? '' : `Layer ${layer} ${range}.`)
    if (exists) dispatch({ type: 'choose', choice: { feature: { layer, feature: Number(written) } } })
  }
  return html`<form class="fields" onSubmit=${open} novalidate aria-label="Open a feature by its number">
    <label>
      Layer
      <select name="layer">
        ${saes.map(({ dSae }, layer) => dSae > 0 && html`<option value=${layer}>${layer}</option>`)}
      </select>
    </label>
    <label>Feature <input name="feature" inputmode="numeric" autocomplete="off" size="6" /></label>
    <button type="submit">Open its card</button>
    ${refused !== '' && html`<p class="notice" role="alert">${refused}</p>`}
  </form>`
}

function searchFields({ opened, query, dispatch }: Props): VNode {
  const choose = (choice: Partial<LibraryQuery>, passing = false): void =>
    dispatch({ type: 'choose', choice: { library: { ...query, page: 0, ...choice } }, passing })
  const chooser = (
    name: string,
    chosen: string,
    options: (readonly [string, string])[],
    act: (value: string) => void,
  ) =>
    html`<label
      >${name}
      <select value=${chosen} onChange=${(event: Event) => act(valueOf(event))}>
        ${options.map(([value, words]) => html`<option value=${value} selected=${value === chosen}>${words}</option>`)}
      </select>
    </label>`
  const layers = opened.saes.map((_, layer) => [`${layer}`, `layer ${layer}`] as const)
  return html`<div class="fields" role="search" aria-label="Features">
    ${chooser('In', `${query.layer ?? 'all'}`, [['all', 'all layers'], ...layers], (value) =>
      choose({ layer: value === 'all' ? null : Number(value) }),
    )}
    ${chooser('Look for', query.by, Object.entries(BY_WORDS), (by) => choose({ by: by as LibraryQuery['by'] }))}
    <label class="words">
      Words
      <input
        type="search"
        maxlength=${LONGEST_WORDS}
        dir="auto"
        spellcheck=${false}
        autocomplete="off"
        value=${query.words}
        placeholder=${query.by === 'text' ? 'a few words of text' : 'part of a token; empty: all features'}
        onInput=${(event: Event) => choose({ words: valueOf(event) }, true)}
      />
    </label>
    ${chooser('Order', query.order, Object.entries(ORDER_WORDS), (order) =>
      choose({ order: order as LibraryQuery['order'] }),
    )}
  </div>`
}

function results(library: OpenLibrary | null, { open, dispatch }: Props): VNode {
  if (library?.failure)
    return html`<div class="notice" role="alert">
      <p>${`${library.failure.message} ${library.failure.advice}`}</p>
    </div>`
  const found = library?.found ?? null
  return html`<div>
    <p class="note" role="status">${found === null ? 'Fetching the library …' : summary(found)}</p>
    ${
      found !== null &&
      found.rows.length > 0 &&
      html`<div class="found-head" aria-hidden="true">
          <span>Feature</span><span>${found.rows[0].inText ? 'In this text' : 'Of the tokens'}</span
          ><span>Strongest</span><span>Tokens that it fires on</span><span>Tokens that it promotes</span>
        </div>
        <ol class="found" aria-label="Features found">
          ${found.rows.map((row) => rowItem(row, open, dispatch))}
        </ol>`
    }
  </div>`
}

function summary({ total, first, rows, query }: LibraryPage): string {
  if (total === 0)
    return query.by === 'text' ? 'No feature fires in this text.' : 'No feature has such a token.'
  return `Features ${first + 1} to ${first + rows.length} of ${total.toLocaleString('en')}`
}

function rowItem(row: LibraryRow, open: FeatureRef | null, dispatch: Dispatch): VNode {
  const { layer, feature, density, max, fires, promoted, inText } = row
  const isOpen = open?.layer === layer && open.feature === feature
  const tokens = (list: readonly string[]): VNode[] =>
    list.slice(0, TOKENS).map((token) => html`<code>${showToken(token)}</code> `)
  return html`<li key=${`${layer}-${feature}`}>
    <button
      type="button"
      aria-pressed=${isOpen}
      data-library="${layer}-${feature}"
      onClick=${() => dispatch({ type: 'choose', choice: { feature: isOpen ? null : { layer, feature } } })}
    >
      <small>Layer ${layer}</small> ${feature}
    </button>
    <span
      >${inText ? html`${showNumber(inText.activation)} <code>${showToken(inText.token)}</code>` : firing(density)}</span
    >
    <span>${max > 0 && [html`<small class="narrow">strongest </small>`, showNumber(max)]}</span>
    <span>${max > 0 ? tokens(fires) : html`<small>nowhere in the corpus</small>`}</span>
    <span><small class="narrow">promotes </small>${tokens(promoted)}</span>
  </li>`
}

const firing = (density: number): VNode | string =>
  density > 0 ? html`<small class="narrow">of tokens </small>${showShare(density)}` : '–'

function pager(found: LibraryPage | null, query: LibraryQuery, dispatch: Dispatch): VNode | null {
  if (found === null || found.total <= PAGE) return null
  const { first, rows, total } = found
  const page = first / PAGE
  const turn = (to: number) => () => dispatch({ type: 'choose', choice: { library: { ...query, page: to } } })
  return html`<nav class="examples" aria-label="Pages of the library">
    <button type="button" disabled=${first === 0} onClick=${turn(page - 1)}>Previous ${PAGE}</button>
    <button type="button" disabled=${first + rows.length >= total} onClick=${turn(page + 1)}>
      Next ${PAGE}
    </button>
  </nav>`
}
