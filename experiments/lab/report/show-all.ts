// The script of a report: the texts that a card leaves out, and what a tap on a token shows.
import { featureId } from './feature-card.ts'
import type { Feature, FiringText } from './feature-parts.ts'
import { firingText, tokenRuns, visible, type TokenText } from './tokens.ts'

/** What `showAllTexts` reads from the page: each text's pieces once, and of each feature the texts not yet shown. */
interface TokenData {
  texts: readonly TokenText[]
  features: Record<string, readonly FiringText[]>
}

/** The id of the page's element that carries the token data. */
export const TOKEN_DATA_ID = 'token-data'

/** The data for the texts that the cards leave out. */
export function tokenData(
  features: readonly Feature[],
  texts: readonly TokenText[],
  shown: number,
): TokenData {
  const rest = features.map(({ dashboard, texts }) => [featureId(dashboard), texts.slice(shown)] as const)
  return { texts, features: Object.fromEntries(rest.filter(([, list]) => list.length > 0)) }
}

/**
 * Runs in the page: gives each card its button for all texts, and shows a tapped token's number where nothing hovers.
 * It arrives there as its own source, so that it is typed and linted here; beside its arguments it uses nothing from outside.
 */
function showAllTexts(makeText: typeof firingText, dataId: string): void {
  const data = JSON.parse(document.getElementById(dataId)?.textContent ?? '{}') as TokenData

  const make = (name: string, content: string, className = ''): HTMLElement => {
    const element = document.createElement(name)
    if (className !== '') element.className = className
    element.textContent = content
    return element
  }

  const item = ([index, mean, firing]: FiringText, max: number): HTMLElement => {
    const { category, note, runs } = makeText(data.texts[index], index, mean, firing, max)
    const line = make('p', '', 'note')
    line.append(make('b', category), ` ${note}`)
    const text = make('p', '', 'tokens')
    text.dir = 'auto'
    text.append(make('bdi', 'BOS', 'bos'))
    for (const run of runs) {
      if (run.level === 0) {
        text.append(run.text)
        continue
      }
      const mark = make('mark', run.text, `h${run.level}`)
      mark.title = run.title
      text.append(mark)
    }
    const li = make('li', '')
    li.append(line, text)
    return li
  }

  const addRest = (button: HTMLButtonElement): void => {
    const { feature = '', max = '' } = button.dataset
    const list = button.closest('article')?.querySelector('ol')
    const items = data.features[feature].map((text) => item(text, Number(max)))
    list?.append(...items)
    button.setAttribute('aria-expanded', 'true')
    button.closest('p')?.remove()
    // The button is gone: whoever came by keyboard goes on at the first text it brought.
    items[0].tabIndex = -1
    items[0].focus()
  }

  for (const button of document.querySelectorAll<HTMLButtonElement>('button[data-feature]')) {
    button.hidden = false
    button.addEventListener('click', () => addRest(button))
  }

  const readout = make('div', '', 'readout')
  readout.hidden = true
  readout.setAttribute('aria-hidden', 'true')
  document.body.append(readout)
  document.addEventListener('click', (event) => {
    const mark = event.target instanceof Element ? event.target.closest('mark') : null
    readout.hidden = mark === null
    readout.textContent = mark?.title ?? ''
  })

  // A link to a card within a closed layer opens the layer.
  const reveal = (): void => {
    const target = document.getElementById(decodeURIComponent(location.hash.slice(1)))
    target?.closest('details')?.setAttribute('open', '')
    target?.scrollIntoView()
  }
  addEventListener('hashchange', reveal)
  if (location.hash !== '') reveal()
}

/** The page's inline script: the functions above and those they use, as plain JavaScript. */
export function showAllScript(): string {
  const functions = [visible, tokenRuns, firingText, showAllTexts]
  return [...functions.map(String), `showAllTexts(firingText, ${JSON.stringify(TOKEN_DATA_ID)})`].join('\n')
}
