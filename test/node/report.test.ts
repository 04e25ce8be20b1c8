import { parseHTML } from 'linkedom'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { renderBlackBoxReport } from '../../experiments/black-box/report.ts'
import { highlightedFeatures, SHOWN_TEXTS } from '../../experiments/black-box/report-features.ts'
import { HOSTILE, sampleReport } from '../helpers/report-sample.ts'

const all = (node: Document | Element, selector: string): Element[] =>
  Array.from(node.querySelectorAll(selector))
const text = (node: Element | null | undefined): string => node?.textContent ?? ''

const report = suite('black-box report')

report('every layer, category and feature is there, each with its table', () => {
  const sample = sampleReport()
  const { document } = parseHTML(renderBlackBoxReport(sample))
  const charts = all(document, 'svg[role=img]')
  // Three heatmaps, three curves a category, the layer changes, and a bar chart a layer.
  assert.is(charts.length, 3 + 3 * 3 + 1 + 3)
  for (const chart of charts)
    assert.ok(text(chart.querySelector('title')) && text(chart.querySelector('desc')))
  for (const map of all(document, '.measure .chart')) assert.is(all(map, 'rect').length, 9)
  assert.is(all(document, 'figure').length, all(document, 'figure details table caption').length)
  assert.is(all(document, '.measure').length, 3)
  const named = sample.layers.flatMap((layer) =>
    highlightedFeatures(layer).map((f) => `L${layer.layer}-${f}`),
  )
  assert.equal(
    all(document, 'article').map((card) => card.id),
    named,
  )
  assert.equal(all(document, '.findings li').map(text), sample.findings)
  assert.match(text(document.querySelector('.notice')), /trained separately.*not comparable/)
  assert.is(all(document, '.provenance tr').length, 12)
})

report('a card holds its strongest texts, the data the others, and both know how many are silent', () => {
  const sample = sampleReport()
  const { document } = parseHTML(renderBlackBoxReport(sample))
  const data = JSON.parse(text(document.getElementById('token-data'))) as {
    features: Record<string, unknown[]>
  }
  let more = 0
  for (const layer of sample.layers)
    for (const feature of highlightedFeatures(layer)) {
      const card = document.getElementById(`L${layer.layer}-${feature}`)
      const firing = layer.firing_texts[feature].length
      const shown = Math.min(firing, SHOWN_TEXTS)
      assert.is(all(card ?? document, '.texts li').length, shown)
      assert.is(data.features[`L${layer.layer}-${feature}`]?.length ?? 0, firing - shown)
      assert.match(text(card), `Fires in ${firing} texts, silent in ${sample.texts.length - firing}.`)
      more += firing - shown
    }
  assert.ok(more > 0)
  const ids = all(document, '[id]').map(({ id }) => id)
  assert.is(new Set(ids).size, ids.length)
  for (const link of all(document, 'a[href^="#"]'))
    assert.ok(ids.includes(link.getAttribute('href')?.slice(1) ?? ''))
})

report('cells are read with spaces between a number and its note', () => {
  const { document } = parseHTML(renderBlackBoxReport(sampleReport()))
  const table = all(document, 'table').find((one) => text(one.querySelector('caption')).includes('stand out'))
  const cells = all(table ?? document, 'tbody tr:first-child td').map(text)
  assert.match(cells[0], /^\d+ [\d.]+ in text \d+$/)
  assert.match(cells[2], /^\d+ \w+, score \d+$/)
})

report('hostile strings everywhere: as many elements as in a tame report, and none that runs', () => {
  const tame = parseHTML(renderBlackBoxReport(sampleReport())).document
  const { document } = parseHTML(renderBlackBoxReport(sampleReport({ hostile: true })))
  assert.is(all(document, 'script').length, 2)
  assert.is(all(document, 'style').length, 1)
  assert.is(all(document, 'img, iframe, object, form').length, 0)
  for (const name of ['svg', 'table', 'figure', 'h2', 'h3', 'nav', 'aside', 'main'])
    assert.is(all(document, name).length, all(tame, name).length, name)
  assert.match(text(document.querySelector('.findings')), HOSTILE[0])
})

report('every section says in words what it shows', () => {
  const { document } = parseHTML(renderBlackBoxReport(sampleReport()))
  for (const heading of all(document, 'section > h2')) {
    const said = text(heading.nextElementSibling)
    assert.ok(said.length > 40 || heading.id === 'findings', `${text(heading)}: "${said}"`)
  }
})

report('headings go down one level at a time', () => {
  const { document } = parseHTML(renderBlackBoxReport(sampleReport()))
  const levels = all(document, 'h1, h2, h3, h4').map(({ tagName }) => Number(tagName[1]))
  assert.is(levels.filter((level) => level === 1).length, 1)
  for (let i = 1; i < levels.length; i++) assert.ok(levels[i] <= levels[i - 1] + 1)
})

report('input that does not fit together is refused by name', () => {
  const sample = sampleReport()
  assert.throws(
    () => renderBlackBoxReport({ ...sample, highlights: [] }),
    /no token activations of layer 0, feature \d+/,
  )
  const silent = sample.highlights.map(({ layer, features }) => ({
    layer,
    features: features.map(({ feature, activations }) => ({
      feature,
      activations: activations.map((a) => new Float32Array(a.length)),
    })),
  }))
  assert.throws(
    () => renderBlackBoxReport({ ...sample, highlights: silent }),
    /has mean .* but fires at none of its tokens/,
  )
})

report('one layer, unnamed, is a report too', () => {
  const sample = sampleReport()
  const layers = [{ ...sample.layers[0], layer: null }]
  const highlights = [{ ...sample.highlights[0], layer: null }]
  const { document } = parseHTML(renderBlackBoxReport({ ...sample, layers, highlights, changes: [] }))
  assert.is(document.getElementById('changes'), null)
  assert.match(text(document.querySelector('article h4')), 'Layer ?')
})

report.run()
