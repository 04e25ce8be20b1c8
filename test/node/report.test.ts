import { parseHTML } from 'linkedom'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { renderBlackBoxReport } from '../../experiments/black-box/black-box-page.ts'
import { namedFeatures } from '../../experiments/lab/analysis/analyse-layer.ts'
import { SHOWN_TEXTS } from '../../experiments/lab/report/feature-card.ts'
import type { Verdict } from '../../experiments/lab/analysis/layer-analysis.ts'
import { HOSTILE, sampleReport } from '../helpers/report-sample.ts'

const all = (node: Document | Element, selector: string): Element[] =>
  Array.from(node.querySelectorAll(selector))
const text = (node: Element | null | undefined): string => node?.textContent ?? ''

const report = suite('black-box report')

report('every layer, category and feature is there, each with its table', () => {
  const sample = sampleReport()
  const { document } = parseHTML(renderBlackBoxReport(sample))
  const charts = all(document, 'svg[role=img]')
  const cards = sample.explained.flat().length
  // The picture, three heatmaps, four curves and, in each layer, a null a category, the layer changes, a bar chart and a curve a layer;
  // in each card a histogram.
  assert.is(charts.length, 1 + 3 + 4 * 3 + 3 * 3 + 1 + 3 + 3 + cards)
  for (const chart of charts)
    assert.ok(text(chart.querySelector('title')) && text(chart.querySelector('desc')))
  for (const map of all(document, '.measure .chart')) assert.is(all(map, 'rect').length, 9)
  assert.is(all(document, 'figure').length, 1 + all(document, 'figure details table caption').length)
  assert.is(all(document, '.measure').length, 3)
  const named = sample.layers.flatMap((layer) => namedFeatures(layer).map((f) => `L${layer.layer}-${f}`))
  assert.equal(
    all(document, 'article').map((card) => card.id),
    named,
  )
  const said = all(document, '.findings li').map((item) => text(item).replace(/\s+/g, ' ').trim())
  const shown = ({ claim, status, brief, detail }: Verdict) =>
    `${claim}: ${status} (${brief}).The figures: ${claim}${detail}`
  assert.equal(said, sample.verdicts.map(shown))
  assert.is(text(document.querySelector('.answer')), sample.answer)
  assert.match(text(document.querySelector('.notice')), /trained separately.*cannot be compared/)
  assert.is(all(document, '.provenance tr').length, 13)
  assert.match(text(document.querySelector('.provenance tr:last-child')), /2026-01-02 03:04 UTC, 0f-1/)
})

report('scores, chance, size and quality stand in their tables as in the figures', () => {
  const sample = sampleReport()
  const { document } = parseHTML(renderBlackBoxReport(sample))
  const table = (section: string, nth: number): string[][] =>
    all(all(document, `section[aria-labelledby=${section}] table`)[nth], 'tbody tr').map((row) =>
      all(row, 'th, td').map((cell) => text(cell).replace(/\s+/g, ' ').trim()),
    )
  for (const [l, { statistics, pairs_above_threshold: pairs }] of sample.layers.entries()) {
    const rows = table('chance', l)
    for (const [c, { category, score, auroc }] of statistics.categories.entries()) {
      assert.is(rows[c][0], category)
      assert.ok(rows[c][1].startsWith(`${score.value}${score.within_chance ? ' ?' : ''}`), rows[c][1])
      assert.ok(rows[c][1].endsWith(`p ${score.p_corrected.toFixed(3)}`))
      assert.ok(rows[c][3].startsWith(auroc!.value.toFixed(2)))
      assert.is(rows[c][4], `${auroc!.feature} “·the”`)
    }
    const [, norm, count, observed, , equal] = table('scale', 0)[l]
    const { sum_best_scores: sum, equal_pairs } = statistics
    assert.equal([norm, count, observed, equal], [l + 1, pairs, sum.observed, equal_pairs!.sum_best_scores].map(String)) // prettier-ignore
    statistics.threshold_curve.forEach((point, q) =>
      assert.match(
        table('scale', 2)[q][l + 1],
        new RegExp(`^${point.sum_best_scores}chance .*${point.pairs} pairs?$`),
      ),
    )
  }
  const losses = ['2.50', '3', '0.500', '12.2 → 20.1', '6.50', '7.50', '0.875', '0.900']
  const quality = ['30', '4.50', '0.875', '2', '1', ...losses]
  assert.equal(table('quality', 0), [['L2', ...quality], ['L2 held out', ...quality]]) // prettier-ignore
  assert.match(
    text(document.getElementById('quality')!.parentElement),
    'SAE quality was measured on all texts.',
  )
})

report('a score within chance bears a question mark, one beyond it none', () => {
  const sample = sampleReport()
  const [{ score }] = sample.layers[2].statistics.categories
  for (const within of [true, false]) {
    score.within_chance = within
    const { document } = parseHTML(renderBlackBoxReport(sample))
    const name = text(all(document, '[aria-labelledby=chance] details:last-of-type .multiples b')[0])
    assert.is(name, within ? 'Python ?' : 'Python')
  }
})

report('a card holds its strongest texts, the data the others, and both know how many are silent', () => {
  const sample = sampleReport()
  const { document } = parseHTML(renderBlackBoxReport(sample))
  const data = JSON.parse(text(document.getElementById('token-data'))) as {
    features: Record<string, unknown[]>
  }
  let more = 0
  for (const layer of sample.layers)
    for (const feature of namedFeatures(layer)) {
      const card = document.getElementById(`L${layer.layer}-${feature}`)
      const firing = layer.firing_texts[feature].length
      const shown = Math.min(firing, SHOWN_TEXTS)
      assert.is(all(card?.querySelector('.texts') ?? document, 'li').length, shown)
      assert.is(data.features[`L${layer.layer}-${feature}`]?.length ?? 0, firing - shown)
      assert.match(text(card), `Fires in ${firing} texts, on `)
      assert.match(text(card), ` of the tokens; silent in ${sample.texts.length - firing}. `)
      more += firing - shown
    }
  assert.ok(more > 0)
  const ids = all(document, '[id]').map(({ id }) => id)
  assert.is(new Set(ids).size, ids.length)
  for (const link of all(document, 'a[href^="#"]'))
    assert.ok(ids.includes(link.getAttribute('href')?.slice(1) ?? ''))
})

report(
  'a card tells what its feature promotes and is like, and links to Neuronpedia where it has a page',
  () => {
    const sample = sampleReport()
    const { document } = parseHTML(renderBlackBoxReport(sample))
    const [first] = sample.explained[1]
    const card = document.getElementById(`L1-${first.dashboard.feature}`)
    const facets = all(card ?? document, '.facets div').map((part) => text(part).replace(/\s+/g, ' ').trim())
    const parts = [/^Promotes ?“·the” 0.500$/, /^Suppresses ?“·the” −0.250$/, /cosine ?3 “·the” 0.40$/, /correlation ?7 “·the” 0.90, on 5 tokens$/] // prettier-ignore
    for (const [i, part] of parts.entries()) assert.match(facets[i], part)
    assert.match(text(card?.querySelector('.histogram p')), `of the ${first.dashboard.tokens} tokens; where`)
    const weak = all(all(card ?? document, '.texts')[1], 'li').map(text)
    assert.is(weak.length, first.dashboard.quantile_examples.length)
    for (const [i, share] of ['near 100 %', 'near 75 %'].entries()) assert.match(weak[i], share)
    assert.is(
      card?.querySelector('a')?.getAttribute('href'),
      `https://example.org/${first.dashboard.feature}`,
    )
    const last = document.getElementById(`L2-${sample.explained[2][0].dashboard.feature}`)
    assert.is(last?.querySelector('a'), null)
    assert.not.match(text(last), 'Fire with it')
  },
)

report('cells are read with spaces between a number and its note', () => {
  const { document } = parseHTML(renderBlackBoxReport(sampleReport()))
  const table = all(document, 'table').find((one) => text(one.querySelector('caption')).includes('stand out'))
  const cells = all(table ?? document, 'tbody tr:first-child td').map(text)
  assert.match(cells[0], /^\d+ “·the” [\d.]+ in text \d+$/)
  assert.match(cells[2], /^\d+ “·the” \w+, score \d+$/)
})

report('hostile strings everywhere: as many elements as in a tame report, and none that runs', () => {
  const tame = parseHTML(renderBlackBoxReport(sampleReport())).document
  const { document } = parseHTML(renderBlackBoxReport(sampleReport({ hostile: true })))
  assert.is(all(document, 'script').length, 2)
  assert.is(all(document, 'style').length, 1)
  assert.is(all(document, 'img, iframe, object, form').length, 0)
  // Cards aside: hostile texts have other tokens, so that other features are named.
  const besideCards = (page: Document, name: string): number =>
    all(page, name).length - all(page, `.card ${name}`).length
  for (const name of ['svg', 'table', 'figure', 'h2', 'h3', 'nav', 'aside', 'main'])
    assert.is(besideCards(document, name), besideCards(tame, name), name)
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
    () => renderBlackBoxReport({ ...sample, explained: [] }),
    /no figures of layer 0, feature \d+/,
  )
  const silent = sample.explained.map((features) =>
    features.map(({ dashboard, column }) => ({
      dashboard,
      column: column.map(({ length }) => new Float32Array(length)),
    })),
  )
  assert.throws(
    () => renderBlackBoxReport({ ...sample, explained: silent }),
    /has mean .* but fires at none of its tokens/,
  )
})

report('one layer is a report too', () => {
  const sample = sampleReport()
  const { document } = parseHTML(
    renderBlackBoxReport({ ...sample, layers: sample.layers.slice(0, 1), changes: [] }),
  )
  assert.is(document.getElementById('changes'), null)
  assert.match(text(document.querySelector('article h4')), 'Layer 0')
})

report.run()
