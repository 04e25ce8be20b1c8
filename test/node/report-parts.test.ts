import { readFileSync } from 'node:fs'
import { html } from '../../experiments/lab/report/html.ts'
import { parseHTML } from 'linkedom'
import { renderToString } from 'preact-render-to-string'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { bars, curve, heatmap, type Grid } from '../../experiments/lab/report/charts.ts'
import { renderBlackBoxReport } from '../../experiments/black-box/black-box-page.ts'
import { featureCard } from '../../experiments/lab/report/feature-card.ts'
import { levelOf, shorten, showNumber, showShare } from '../../experiments/lab/report/numbers.ts'
import { chartDocument, renderPage } from '../../experiments/lab/report/page-node.ts'
import { provenanceTable } from '../../experiments/lab/report/provenance-table.ts'
import { dataTable, figure } from '../../experiments/lab/report/tables.ts'
import { csv } from '../../experiments/lab/report/csv.ts'
import { firingTokens, namedFeature, tokenRuns, visible } from '../../experiments/lab/report/tokens.ts'
import { explained, HOSTILE, sampleReport } from '../helpers/report-sample.ts'

const parse = (markup: string): Document =>
  parseHTML(`<!doctype html><html><body>${markup}</body></html>`).document
const all = (node: Document | Element, selector: string): Element[] =>
  Array.from(node.querySelectorAll(selector))
const text = (node: Element | null | undefined): string => node?.textContent ?? ''

const parts = suite('report parts')

parts('each part shows hostile strings as text: no element, no attribute comes of them', () => {
  const document = chartDocument()
  for (const hostile of HOSTILE) {
    const about = { title: hostile, description: hostile }
    const grid = {
      rows: [hostile, hostile],
      columns: [hostile, 'L1'],
      values: [
        [1, 2],
        [null, -3],
      ],
    }
    const { provenance, run } = sampleReport({ hostile: true })
    const table = {
      caption: hostile,
      columns: [hostile],
      rows: [{ head: hostile, cells: [{ content: hostile }] }],
    }
    const tokens = [{ category: hostile, pieces: ['BOS', hostile, hostile] }]
    const { dashboard } = explained({ layer: 1, feature: 2 }, [[0, 0, 3]], [tokens[0].pieces], hostile)
    const feature = { roles: [hostile], texts: [[0, 1, [2, 3]]] as const, dashboard }
    const markup = [
      heatmap(document, grid, about),
      curve(document, grid, 0, about),
      bars(document, [{ label: hostile, value: 1 }], 1, about),
      figure(hostile, hostile, table),
      dataTable(table),
      provenanceTable(provenance, run),
      featureCard(document, feature, tokens, 3),
    ].map((part) => renderToString(part))
    for (const part of markup) {
      const page = parse(part)
      assert.is(all(page, 'img, script, style, b[onload], svg svg').length, 0, part)
      const names = all(page, 'body *').flatMap(({ attributes }) =>
        Array.from(attributes, ({ name }) => name),
      )
      assert.equal(
        names.filter((name) => name.startsWith('on')),
        [],
        part,
      )
    }
    // linkedom and browsers read NUL and CR differently; all else comes back as it was written.
    const plain = (value: string): string => value.replace(/[\0\r\ud83d]/g, '')
    assert.is(plain(text(parse(markup[4]).querySelector('td'))), plain(hostile))
    assert.is(
      plain(parse(markup[4]).querySelector('.scroll')?.getAttribute('aria-label') ?? ''),
      plain(hostile),
    )
  }
})

parts('charts: a cell, a line, a bar for every number; named and described; colours by variable', () => {
  const document = chartDocument()
  const about = { title: 'The title', description: 'What is to be seen' }
  const grid = {
    rows: ['a', 'a'],
    columns: ['L0', 'L1', 'L2'],
    values: [
      [0, 4, 8],
      [null, -8, 1],
    ],
  }
  const map = parse(renderToString(heatmap(document, grid, about)))
  const fills = all(map, 'rect').map((rect) => rect.getAttribute('fill'))
  assert.equal(
    fills,
    ['0', '4', '8', '0', '8', '1'].map((step, i) => `var(--${i === 4 ? 'cool' : 'heat'}-${step})`),
  )
  assert.equal(all(map, 'g:last-of-type > text').map(text), ['0', '4', '8', '–', '−8', '1'])
  // Cells are as wide as what is written in them, or above them.
  const widthOf = (one: Grid) =>
    Number(
      all(parse(renderToString(heatmap(document, one, about))), 'svg')[0]
        .getAttribute('viewBox')!
        .split(' ')[2],
    )
  assert.is(widthOf(grid), 108 + 3 * 42)
  assert.is(widthOf({ ...grid, columns: ['L0', 'L1', 'Conversa…'] }), 108 + 3 * 71.5)
  assert.is(widthOf({ ...grid, values: [[-0.338, 4, 8]], rows: ['a'] }), 108 + 3 * 49)
  const line = parse(renderToString(curve(document, grid, 0, about)))
  assert.is(all(line, 'circle').length, 3)
  const bar = parse(
    renderToString(
      bars(
        document,
        [
          { label: '#1', value: 1 },
          { label: '#2', value: 2 },
        ],
        2,
        about,
      ),
    ),
  )
  assert.is(all(bar, 'rect').length, 2)
  for (const chart of [map, line, bar]) {
    const svg = chart.querySelector('svg')
    assert.is(svg?.getAttribute('role'), 'img')
    assert.is(text(svg?.querySelector('title')), 'The title')
    assert.is(text(svg?.querySelector('desc')), 'What is to be seen')
    assert.not.match(svg?.outerHTML ?? '', /#[0-9a-f]{3}|rgb\(|white|black|undefined|NaN/)
  }
})

parts('charts of nothing are drawn, without NaN', () => {
  const document = chartDocument()
  const about = { title: 't', description: 'd' }
  const empty = { rows: ['a'], columns: ['L0'], values: [[null]] }
  for (const chart of [
    heatmap(document, empty, about),
    curve(document, empty, 0, about),
    bars(document, [], 0, about),
  ])
    assert.not.match(renderToString(chart), /NaN|undefined|Infinity/)
})

parts('a share has three significant digits; 100 % is all, 0 % none', () => {
  assert.equal([0, 4e-10, 4e-6, 0.00031, 0.0456, 0.5, 0.99949, 0.9996, 0.99999, 1].map(showShare), [
    ...[
      '0 %',
      '< 0.0001 %',
      '0.000400 %',
      '0.0310 %',
      '4.56 %',
      '50 %',
      '99.9 %',
      '> 99.9 %',
      '> 99.9 %',
      '100 %',
    ],
  ])
})

parts('tiny numbers keep three digits: none looks like 0', () => {
  assert.equal([1e-4, 0.00123, 0.0009996, 9.99e-5, -1.234e-7, 1e-300].map(showNumber), [
    ...['0.000100', '0.00123', '0.00100', '9.99e−5', '−1.23e−7', '1.00e−300'],
  ])
})

parts('a feature is named with its token, shortened where it is long', () => {
  assert.equal(
    [
      namedFeature(3, null),
      namedFeature(3, ' the'),
      namedFeature(3, '\n'),
      namedFeature(3, ''),
      namedFeature(3, 'a'.repeat(30)),
    ],
    ['3', '3 “·the”', '3 “↵”', '3 “…”', `3 “${'a'.repeat(19)}…”`],
  )
})

parts('invisible characters of a category’s name are seen wherever it stands in a report', () => {
  const names = ['a\u3164b', '\u202etxt', 'x\u00a0y']
  const sample = sampleReport({ names })
  const { document } = parseHTML(renderBlackBoxReport(sample))
  document.querySelectorAll('script, style').forEach((element) => element.remove())
  const markup = document.body.innerHTML
  for (const [i, seen] of ['a[U+3164]b', '[U+202E]txt', 'x[U+00A0]y'].entries()) {
    assert.ok(markup.split(seen).length > 20, seen)
    assert.not.ok(markup.includes(names[i]) && i < 2, `${seen} stands somewhere as it is`)
  }
})

parts('numbers and steps', () => {
  assert.equal([999.6, 1234.5].map(showNumber), ['1000', '1235'])
  assert.equal([0, 0.0456, 9.534, 21.68, 143.7, -12, -0.5, null].map(showNumber), [
    ...['0', '0.0456', '9.53', '21.7', '144', '−12', '−0.500', '–'],
  ])
  assert.equal(
    [0, 0.001, 1, 4, 8, -1, -8, null].map((value) => levelOf(value, 8)),
    [0, 1, 1, 4, 8, -1, -8, 0],
  )
  assert.is(levelOf(3, 0), 0)
  assert.is(shorten('👩🏽‍🚀abcdef', 4), '👩🏽\u200d…')
})

parts('tokens: BOS never counts, silent neighbours are one run, a firing space is seen', () => {
  const pieces = ['<|endoftext|>', 'def', ' ', '', '\n', 'x<y', '  ']
  const firing = firingTokens(pieces, [99, 0, 1, 0.5, 2.34567, 0, 4])
  assert.equal(firing, [2, 1, 3, 0.5, 4, 2.35, 6, 4])
  assert.equal(tokenRuns(pieces, firing, 4), [
    { text: 'def', level: 0, title: '' },
    { text: '·', level: 2, title: '“·” 1' },
    { text: '…', level: 1, title: 'part of a character 0.5' },
    { text: '↵\n', level: 5, title: '“↵” 2.35' },
    { text: 'x<y', level: 0, title: '' },
    { text: '··', level: 8, title: '“··” 4' },
  ])
  assert.throws(() => firingTokens(pieces, [1, 2]), /7 tokens \(BOS included\) but 2 activations/)
})

parts('tokens: what is invisible or turns the line around is written out, what spells a word is kept', () => {
  assert.is(visible('a\u200bb\u202ec\ufeff\u0000\ud83d'), 'a[U+200B]b[U+202E]c[U+FEFF][U+0000][U+D83D]')
  assert.is(visible('می\u200cخواهم 👩\u200d🚀'), 'می\u200cخواهم 👩\u200d🚀')
  assert.is(visible('\u200d'), '[U+200D]')
  assert.is(visible('a\n\tb'), 'a↵\n⇥\tb')
})

parts('CSV: a text that begins like a formula is guarded, a number is not', () => {
  const cells = ['=1+1', '+x', '-y', '@z', '\tq', '\rq', 'a=b', -1, null, 'say "a, b"']
  const row = ["'=1+1", "'+x", "'-y", "'@z", "'\tq", '"\'\rq"', 'a=b', '-1', '', '"say ""a, b"""'].join(',')
  assert.is(csv('a,b', [cells]), `a,b\n${row}\n`)
})

parts('page: nothing but its own style and script may run, and nothing may end them early', () => {
  const page = { title: '</title><script>', description: '"><b>', body: html`<main></main>` }
  const markup = renderPage({ ...page, data: { id: 'd', value: ['</script><!--'] }, script: 'let a = 1\r\n' })
  const { document } = parseHTML(markup)
  assert.is(all(document, 'script').length, 2)
  assert.equal(JSON.parse(text(document.getElementById('d'))), ['</script><!--'])
  assert.is(text(document.querySelector('title')), '</title><script>')
  const policy = document.querySelector('[http-equiv]')?.getAttribute('content') ?? ''
  assert.match(
    policy,
    /^default-src 'none'; img-src data:; style-src 'sha256-\S+'; script-src 'sha256-\S+'; /,
  )
  assert.not.match(markup, /https?:\/\/(?!www\.w3\.org)|unsafe|\sstyle="/)
  assert.throws(() => renderPage({ ...page, script: 'x = "</script>"' }), /the script holds "<\/"/)
})

parts(
  'palette: ink, notes and links are readable (4.5 : 1) on whatever they stand on, lines visible (3 : 1)',
  () => {
    const css = readFileSync(
      new URL('../../experiments/lab/report/theme/palette.css', import.meta.url),
      'utf8',
    )
    const colours = new Map(
      Array.from(css.matchAll(/--([\w-]+): light-dark\((#\w{6}), (#\w{6})\)/g), ([, name, ...pair]) => [
        name,
        pair,
      ]),
    )
    const contrast = (a: string, b: string, scheme: number): number => {
      const [light, dark] = [a, b]
        .map((name) => luminance(colours.get(name)?.[scheme] ?? ''))
        .sort((x, y) => y - x)
      return (light + 0.05) / (dark + 0.05)
    }
    const steps = [...colours.keys()].filter((name) => /^(heat|cool)-/.test(name))
    assert.is(steps.length, 17)
    for (const scheme of [0, 1]) {
      for (const ground of ['paper', 'card', 'notice', ...steps])
        assert.ok(contrast('ink', ground, scheme) >= 4.5, `ink on ${ground}, scheme ${scheme}`)
      for (const ground of ['paper', 'card'])
        for (const ink of ['muted', 'link', 'stroke'])
          assert.ok(
            contrast(ink, ground, scheme) >= (ink === 'stroke' ? 3 : 4.5),
            `${ink} on ${ground}, ${scheme}`,
          )
    }
  },
)

// Relative luminance by WCAG 2.2.
function luminance(colour: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const channel = parseInt(colour.slice(at, at + 2), 16) / 255
    return channel <= 0.04045 ? channel / 12.92 : ((channel + 0.055) / 1.055) ** 2.4
  })
  return 0.2126 * r + 0.7152 * g + 0.0722 * b
}

parts.run()
