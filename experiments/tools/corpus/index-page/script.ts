// The script of the index. It reaches the page as source text: apart from its arguments it uses nothing from outside.
import { tokenRuns, visible } from '../../../lab/report/tokens.ts'
import type { IndexCard, IndexExample, Summary } from './data.ts'

const PAGE = 20

/** The input of the page. */
interface Tools {
  readonly runs: typeof tokenRuns
  readonly shown: typeof visible
  /** Features per page. */
  readonly page: number
}

function corpusIndex({ runs, shown, page }: Tools): void {
  const loaded = new Map<string, unknown>()
  ;(window as unknown as Record<string, unknown>).corpusData = (key: string, value: unknown) =>
    void loaded.set(key, value)
  const load = async <T>(file: string): Promise<T> => {
    if (!loaded.has(file))
      await new Promise((resolve, reject) => {
        const script = document.createElement('script')
        script.src = file
        script.onload = resolve
        script.onerror = () => reject(new Error(`${file} cannot be loaded: it belongs beside this page`))
        document.head.append(script)
      })
    return loaded.get(file) as T
  }
  const make = (name: string, content = '', className = ''): HTMLElement => {
    const element = document.createElement(name)
    if (className !== '') element.className = className
    element.textContent = content
    return element
  }
  const counted = (number: number) => number.toLocaleString('en')
  const field = (id: string) => document.getElementById(id) as HTMLInputElement
  const status = document.getElementById('status')!
  const results = document.getElementById('results')!
  let run = 0 // a newer search ends an older one
  let first = 0

  const chunkOf = async ({ layer, chunk }: Summary, feature: number): Promise<IndexCard[]> => {
    const file = `data/${layer}/${Math.floor(feature / chunk)}.js`
    const cards = await load<IndexCard[]>(file)
    // The chunks requested longest ago are dropped: the page stays small however many it has loaded.
    loaded.delete(file)
    loaded.set(file, cards)
    const chunks = [...loaded.keys()].filter((key) => /\/\d+\.js$/.test(key))
    for (const old of chunks.slice(0, -8)) loaded.delete(old)
    return cards
  }

  /** For each feature the text of all its examples, in lower case. */
  const textsOf = async ({ layer, texts, density }: Summary): Promise<string[]> => {
    const files = Array.from(
      { length: Math.ceil(density.length / texts) },
      (_, part) => `data/${layer}/texts-${part}.js`,
    )
    return (await Promise.all(files.map((file) => load<string[]>(file)))).flat()
  }

  const example = ({ place, tokens, activations }: IndexExample, max: number): HTMLElement => {
    const li = make('li')
    const text = make('p', '', 'tokens')
    text.dir = 'auto'
    const firing = activations.flatMap((value, i) => (value > 0 ? [i + 1, value] : []))
    for (const { text: piece, level, title } of runs(['', ...tokens], firing, max)) {
      if (level === 0) {
        text.append(piece)
        continue
      }
      const mark = make('mark', piece, `h${level}`)
      mark.title = title
      text.append(mark)
    }
    li.append(make('p', shown(place), 'note'), text)
    return li
  }

  const card = (summary: Summary, one: IndexCard): HTMLElement => {
    const { feature } = one
    const [max, density] = [summary.max[feature], summary.density[feature]]
    const article = make('article', '', 'card')
    const name = `Layer ${summary.layer}, feature ${feature}`
    article.setAttribute('aria-label', name)
    article.append(
      make('h2', `${name} ${summary.token[feature] === null ? '' : `“${shown(summary.token[feature])}”`}`),
    )
    const facts =
      one.firings === 0
        ? 'It fires nowhere in the corpus.'
        : `Fires on ${(100 * density).toPrecision(3)} % of the tokens (${counted(one.firings)}), with a mean of ${one.mean} and a maximum of ${max}.`
    article.append(make('p', facts, 'facts'))
    const list = (title: string, words: readonly string[]) => {
      if (words.length > 0) article.append(make('p', `${title}: ${words.map(shown).join(', ')}`, 'facts'))
    }
    const quoted = (words: readonly string[]) => words.map((word) => `“${word}”`)
    list('Promotes', quoted(one.promoted))
    list('Suppresses', quoted(one.suppressed))
    list(
      'Fires with',
      one.partners.map(([partner, correlation]) => `${partner} (${correlation})`),
    )
    list(
      'Labels',
      one.labels.map(([label, firings]) => `${label} (${counted(firings)})`),
    )
    const examples = (wanted: readonly IndexExample[]) => {
      const ol = make('ol', '', 'texts')
      ol.append(...wanted.map((each) => example(each, max)))
      return ol
    }
    article.append(examples(one.examples.filter(({ interval }) => interval === 0)))
    const drawn = one.examples.filter(({ interval }) => interval > 0)
    if (drawn.length > 0) {
      const more = make('details')
      more.append(make('summary', 'A sample, from strong to weak'))
      for (const interval of new Set(drawn.map((each) => each.interval))) {
        const own = drawn.filter((each) => each.interval === interval)
        more.append(make('p', `From ${own[0].from} to ${own[0].to}`, 'note'), examples(own))
      }
      article.append(more)
    }
    return article
  }

  /** The features that the fields select, in the chosen order. */
  const chosen = async (summary: Summary): Promise<number[]> => {
    const [token, text] = [field('token').value.toLowerCase(), field('text').value.toLowerCase()]
    const [from, to] = [Number(field('from').value || 0) / 100, Number(field('to').value || 100) / 100]
    const says = (feature: number) =>
      token === '' ||
      (summary.token[feature] ?? '').toLowerCase().includes(token) ||
      summary.promoted[feature].toLowerCase().includes(token)
    const named = field('feature').value
    let found = summary.density.flatMap((density, feature) => {
      if (named !== '') return Number(named) === feature ? [feature] : []
      return density >= from && density <= to && says(feature) ? [feature] : []
    })
    if (text !== '') {
      status.textContent = 'loading the texts'
      const texts = await textsOf(summary)
      found = found.filter((feature) => texts[feature].includes(text))
    }
    const order = field('order').value
    if (order === 'density') found.sort((a, b) => summary.density[b] - summary.density[a] || a - b)
    if (order === 'rare') found.sort((a, b) => summary.density[a] - summary.density[b] || a - b)
    if (order === 'max') found.sort((a, b) => summary.max[b] - summary.max[a] || a - b)
    return found
  }

  const draw = async (): Promise<void> => {
    const own = ++run
    const isNewest = () => own === run
    try {
      status.textContent = 'loading'
      const summary = await load<Summary>(`data/${field('layer').value}/summary.js`)
      const found = await chosen(summary)
      if (!isNewest()) return
      first = Math.max(0, Math.min(first, found.length - 1))
      const cards: HTMLElement[] = []
      for (const feature of found.slice(first, first + page))
        cards.push(card(summary, (await chunkOf(summary, feature))[feature % summary.chunk]))
      if (!isNewest()) return
      results.replaceChildren(...cards)
      const shownTo = Math.min(first + page, found.length)
      status.textContent =
        found.length === 0
          ? 'no feature found'
          : `features ${counted(first + 1)} to ${counted(shownTo)} of ${counted(found.length)}`
      ;(document.getElementById('before') as HTMLButtonElement).disabled = first === 0
      ;(document.getElementById('next') as HTMLButtonElement).disabled = shownTo === found.length
    } catch (error) {
      status.textContent = (error as Error).message
    }
  }
  const restart = () => {
    first = 0
    void draw()
  }
  const turn = (pages: number) => () => {
    first += pages * page
    void draw()
  }
  document.getElementById('search')!.addEventListener('change', restart)
  document.getElementById('search')!.addEventListener('submit', (event) => {
    event.preventDefault()
    restart()
  })
  document.getElementById('before')!.addEventListener('click', turn(-1))
  document.getElementById('next')!.addEventListener('click', turn(1))
  restart()
}

/** The script as plain JavaScript, with the functions that it uses. */
export function indexScript(): string {
  const functions = [visible, tokenRuns, corpusIndex].map(String)
  return [...functions, `corpusIndex({ runs: tokenRuns, shown: visible, page: ${PAGE} })`].join('\n')
}
