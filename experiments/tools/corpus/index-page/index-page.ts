// index.html: the features of a corpus can be looked up by token, by text and by density.
import { join } from 'node:path'
import type { Manifest } from '../../../lab/analysis/corpus/corpus-format.ts'
import { openCorpus } from '../../../lab/analysis/corpus/corpus-node.ts'
import { writeAllAtomically } from '../../../lab/cli/write-node.ts'
import { html } from '../../../lab/report/html.ts'
import { renderPage } from '../../../lab/report/page-node.ts'
import { tokenLegend, visible } from '../../../lab/report/tokens.ts'
import {
  cardOf,
  CHUNK,
  chunkFile,
  dataScript,
  summaryFile,
  textOf,
  TEXTS,
  textsFile,
  type Summary,
} from './data.ts'
import { indexScript } from './script.ts'

/** Writes the page and its data, from the corpus's result. Holds the cards of one chunk at a time, and the texts of one file. */
export async function writeIndex(folder: string): Promise<void> {
  const { manifest, features } = await openCorpus(folder)
  for (const { layer, hook, d_sae } of manifest.layers) {
    const lists = { density: [], max: [], token: [], promoted: [] }
    const summary: Summary = { ...{ layer, hook, chunk: CHUNK, texts: TEXTS }, ...lists }
    let texts: string[] = []
    for (let from = 0; from < d_sae; from += CHUNK) {
      const found = await features(layer, from, from + CHUNK)
      for (const { row } of found) {
        summary.density.push(Number(row.density.toPrecision(4)))
        summary.max.push(Number((row.max ?? 0).toPrecision(4)))
        summary.token.push(row.token)
        summary.promoted.push(row.promoted.join(' '))
      }
      const cards = found.map(cardOf)
      const file = chunkFile(layer, from / CHUNK)
      await writeAllAtomically(folder, { [file]: dataScript(file, cards) })
      texts.push(...cards.map(textOf))
      if (texts.length < TEXTS && from + CHUNK < d_sae) continue
      const looked = textsFile(layer, Math.floor(from / TEXTS))
      await writeAllAtomically(folder, { [looked]: dataScript(looked, texts) })
      texts = []
    }
    const file = summaryFile(layer)
    await writeAllAtomically(folder, { [file]: dataScript(file, summary) })
  }
  await writeAllAtomically(folder, { 'index.html': indexPage(manifest) })
}

export const indexPath = (folder: string): string => join(folder, 'index.html')

function indexPage({ model, layers, texts, command, bos }: Manifest): string {
  const input = (id: string, label: string, type = 'search') =>
    html`<label>${label} <input id=${id} type=${type} /></label>`
  return renderPage({
    title: `Features over a corpus · ${model}`,
    description: 'Which features an SAE has, what they fire on, and how often',
    dataScripts: true,
    script: indexScript(),
    body: html`<main>
      <header>
        <p class="eyebrow">clearbox · features over a corpus</p>
        <h1>What features fire on</h1>
        <p class="answer">
          ${`${texts.tokens.toLocaleString('en')} tokens of ${texts.documents.toLocaleString('en')} documents, read by ${visible(model)}; ${visible(bos)}.`}
        </p>
        <p class="facts"><code>${visible(command)}</code></p>
      </header>
      <form id="search" class="search">
        <label>
          Layer
          <select id="layer">
            ${layers.map(({ layer }) => html`<option value=${layer}>${layer}</option>`)}
          </select>
        </label>
        ${input('feature', 'Feature', 'number')} ${input('token', 'Token that it fires on or promotes')}
        ${input('text', 'Text in its examples')} ${input('from', 'Density in %, from', 'number')}
        ${input('to', 'Density in %, to', 'number')}
        <label>
          Order
          <select id="order">
            <option value="feature">by number</option>
            <option value="density">most frequent first</option>
            <option value="rare">rarest first</option>
            <option value="max">strongest first</option>
          </select>
        </label>
        <button>Search</button>
      </form>
      <p role="status" id="status"></p>
      <nav aria-label="Pages">
        <button type="button" id="before">Previous</button> <button type="button" id="next">Next</button>
      </nav>
      ${tokenLegend()}
      <div id="results" class="cards"></div>
      <footer>The same numbers are in features.parquet and examples.parquet, beside this file.</footer>
    </main>`,
  })
}
