import { html } from '../../experiments/lab/report/html.ts'
import { h } from 'preact'
import { renderToString } from 'preact-render-to-string'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { editSentence, positionsByKl } from '../../experiments/explorer/page/changes.ts'
import { exportRun } from '../../experiments/explorer/page/export.ts'
import { insteadOf, waysOn } from '../../experiments/explorer/page/failure.ts'
import { HeadDetail, pairTarget } from '../../experiments/explorer/page/head-detail.ts'
import { attentionStep, pixels } from '../../experiments/explorer/page/heat-canvas.ts'
import * as textRun from '../../experiments/explorer/page/text-run.ts'
import { comparison } from '../../experiments/explorer/page/compare.ts'
import { featureColumns } from '../../experiments/explorer/page/feature-columns.ts'
import { Grid, gridTarget } from '../../experiments/explorer/page/lens-grid.ts'
import { lens, nextToken } from '../../experiments/explorer/page/guesses.ts'
import { showProbability } from '../../experiments/explorer/page/parts.ts'
import { chipText, keyTarget, TokenStrip } from '../../experiments/explorer/page/token-strip.ts'
import type { EditedRun, Failure } from '../../experiments/explorer/protocol.ts'
import { top, toyRun } from '../helpers/explorer-run.ts'
import { HOSTILE } from '../helpers/report-sample.ts'

const reading = suite('explorer page: reading a run')
const toy = toyRun([' one', ' two', ' three'])
const { features } = toy.layers[0]

reading('features of a token come strongest first', () => {
  assert.equal(textRun.featuresAt(features, 2), [
    { index: 7, value: 72 },
    { index: 3, value: 32 },
  ])
})

reading('a feature is silent wherever the sparse rows do not name it', () => {
  assert.equal([...textRun.activations(features, 3)], [30, 31, 32, 33])
  assert.equal([...textRun.activations(features, 4)], [0, 0, 0, 0])
})

reading('BOS counts in no scale and no mean', () => {
  const loud = { ...features, values: features.values.map((value, i) => (i < 2 ? 1000 : value)) }
  assert.is(textRun.strongest(loud), 73)
  assert.equal(textRun.meanFeatures(loud, 1), [{ index: 7, value: 72 }])
  assert.is(textRun.meanFiring(loud), 2)
})

reading('of BOS alone there is no mean, nor a division by zero', () => {
  const alone = toyRun([]).layers[0].features
  assert.equal([textRun.strongest(alone), textRun.meanFiring(alone)], [0, 0])
  assert.equal(textRun.meanFeatures(alone, 3), [])
})

reading('a head is read at its own rows, up to the token that looks', () => {
  assert.equal([...textRun.attentionRow(toy, 1, 1, 1)], [0.5, 0.5])
  const { attention } = toy.layers[1]
  attention[4 * 4 + 2 * 4 + 1] = 0.9 // head 1: " two" looks at " one"
  assert.is(textRun.topKeys(toy, 1, 1, 2, 1)[0].index, 1)
  assert.is(textRun.topKeys(toy, 1, 0, 2, 3).length, 3)
})

const edited: EditedRun = {
  edit: [{ layer: 1, feature: 3, kind: 'off' }],
  next: top(4, [9, 5], [0.4, 0.3]),
  nextAfter: Float32Array.from(Array.from({ length: 4 }, () => [0.3, 0.2]).flat()),
  nextBefore: Float32Array.from(Array.from({ length: 4 }, () => [0.01, 0.5]).flat()),
  kl: Float32Array.from([0.5, 0, 1 / 7, 1 / 3]),
}

reading(
  'an edit’s moves: those likely before and those likely after, each once, the most moved first',
  () => {
    const moved = textRun.movedAt({ ...toy, edited }, 2)
    assert.equal(
      moved.map(({ index, before, after }) => [index, before.toFixed(2), after.toFixed(2)]),
      [
        [9, '0.01', '0.40'],
        [5, '0.50', '0.30'],
        [6, '0.25', '0.20'],
      ],
    )
    assert.equal(textRun.movedAt(toy, 2), [])
  },
)

reading('positions that moved, without BOS and those that did not', () => {
  assert.equal(positionsByKl(edited), [3, 2])
})

reading('the edit is told in words, with the case in which it cannot do anything', () => {
  assert.match(editSentence(toy, edited), /^Feature 3 of layer 1 is turned off: .*wherever it fires\.$/)
  const silent: EditedRun = { ...edited, edit: [{ layer: 1, feature: 4, kind: 'off' }] }
  assert.match(editSentence(toy, silent), /fires nowhere in this text: nothing can change/)
  const up: EditedRun = { ...edited, edit: [{ layer: 0, feature: 4, kind: 'up', coefficient: 2.5 }] }
  assert.match(editSentence(toy, up), /^Feature 4 of layer 0 is turned up by 2\.50 at every token but BOS\.$/)
})

reading('the file has a row a token everywhere, and every number to its last digit', () => {
  const file = exportRun({ ...toy, edited })
  assert.is(file.tokens.length, 4)
  for (const layer of file.layers) {
    assert.equal([layer.features.length, layer.strongest_neurons.length, layer.logit_lens.length], [4, 4, 4])
    assert.equal(
      layer.attention.map((head) => head.map((row) => row.length)),
      Array(2).fill([4, 4, 4, 4]),
    )
  }
  assert.equal(file.layers[1].features[1][0], { feature: 7, activation: 71 })
  assert.equal(file.next_token[0][1], { id: 6, token: '\n', probability: 0.25 })
  assert.is(Math.fround(file.edit?.kl_nats[3] ?? 0), edited.kl[3])
  assert.equal(JSON.parse(JSON.stringify(file)), file)
})
reading.run()

const showing = suite('explorer page: what is shown')

showing('what a chip shows is never empty and never two lines', () => {
  const cases = { ' a': ' a', '': '·', '  ': '··', '\n': '↵', '\t\n': '⇥↵', '\u202e': '[U+202E]' }
  for (const [token, chip] of Object.entries(cases)) assert.is(chipText(token), chip)
})

showing('arrow keys stay within the text; other keys are left to the browser', () => {
  assert.equal(
    ['ArrowLeft', 'ArrowUp', 'ArrowRight', 'ArrowDown', 'Home', 'End'].map((key) => keyTarget(key, 1, 3)),
    [0, 0, 2, 2, 0, 2],
  )
  assert.equal(
    [keyTarget('ArrowLeft', 0, 3), keyTarget('ArrowRight', 2, 3), keyTarget('a', 1, 3)],
    [0, 2, undefined],
  )
})

showing('probabilities in percent, the smallest not as nothing', () => {
  assert.equal([1, 0.99999, 0.123456, 0.0001, 0].map(showProbability), [
    '100 %',
    '> 99.9 %',
    '12.3 %',
    '< 0.05 %',
    '0 %',
  ])
})

showing('attention takes steps by its square root; nothing is drawn ahead of a token', () => {
  assert.equal([0, 0.003, 0.0157, 0.25, 1].map(attentionStep), [0, 0, 1, 4, 8])
  const palette = Array.from({ length: 9 }, (_, step) => [step, 0, 0] as const)
  const drawn = pixels(Float32Array.from([9, 9, 9, 9, 1, 0, 0.25, 1]), 1, 2, palette)
  assert.equal([...drawn], [8, 0, 0, 255, 0, 0, 0, 0, 4, 0, 0, 255, 8, 0, 0, 255])
})

showing('a large pattern has axes: every second token, or third, with its position', () => {
  const labels = (size: number) => {
    const run = toyRun(Array.from({ length: size - 1 }, (_, i) => ` w${i + 1}`))
    const head = { layer: 0, head: 1 }
    const page = renderToString(h(HeadDetail, { run, token: 1, head, palette: [], edit: [], dispatch() {} }))
    const axis = /class="keys[^"]*"[^>]*>(.*?)<\/div>/s.exec(page)![1]
    return [...axis.matchAll(/flex-grow: ?(\d+)[^>]*>([^<]*)</g)].map(([, grow, label]) => [
      Number(grow),
      label,
    ])
  }
  assert.equal(labels(3), [[1, 'BOS'], [1, 'w1'], [1, 'w2']]) // prettier-ignore
  assert.is(labels(48).length, 48)
  const large = labels(100)
  assert.equal(
    [large[0], large[1], large.at(-1)],
    [
      [3, '0 BOS'],
      [3, '3 w3'],
      [1, ''],
    ],
  )
  for (const size of [49, 100, 242, 256]) {
    const shares = labels(size).map(([grow]) => Number(grow))
    assert.ok(shares.length > 24 && shares.length <= 48)
    assert.is(
      shares.reduce((sum, share) => sum + share),
      size,
    )
  }
})

showing('arrow keys lead through the attention map and the lens’ grid, and stop at their edges', () => {
  const run = toyRun([' one', ' two'])
  const pairs = ['ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight', 'Home', 'End', 'x'].map((name) =>
    pairTarget(name, { query: 2, key: 1 }, 3),
  )
  assert.equal(
    pairs.map((pair) => pair && [pair.query, pair.key]),
    [[1, 1], [2, 1], [2, 0], [2, 2], [2, 0], [2, 2], undefined], // prettier-ignore
  )
  const cells = ['ArrowUp', 'ArrowDown', 'ArrowLeft', 'ArrowRight', 'Home', 'End', 'constructor'].map(
    (name) => gridTarget(name, { layer: 1, token: 1 }, run),
  )
  assert.equal(
    cells.map((cell) => cell && [cell.layer, cell.token]),
    [[0, 1], [1, 1], [1, 0], [1, 2], [1, 0], [1, 2], undefined], // prettier-ignore
  )
})

showing('the lens’ grid has a cell for each layer and token, one of which Tab reaches', () => {
  const run = toyRun([' one', ' two'])
  const page = renderToString(h(Grid, { run, token: 1, dispatch() {} }))
  assert.is(page.match(/role="gridcell"/g)?.length, 6)
  assert.is(page.match(/role="gridcell"[^>]* tabindex="0"/g)?.length, 1)
  assert.match(page, /tabindex="0" data-layer="1" data-position="1"/)
  assert.match(page, /aria-label="Layer 0, “·one”: “↵” 90.0 %"/)
  assert.match(page, /After layer 1, at “·one” \(1\): “↵” 90.0 %, “·a” 10.0 %\./)
})

showing('every fault has the way on that can help', () => {
  const ways = (kind: Failure['kind'], backend = 'wasm') =>
    waysOn({ failure: { kind, message: '', advice: '' }, backend, dispatch: () => {} }).map(([name]) => name)
  assert.equal(ways('text'), [])
  assert.equal(ways('edit'), ['Undo the edit'])
  assert.equal(ways('weights'), ['Try again'])
  assert.equal(ways('start', 'gpujs:webgpu'), ['Use wasm instead', 'Try again'])
  for (const kind of ['start', 'memory', 'internal'] as const)
    assert.equal(ways(kind), [`Use ${insteadOf('wasm')} instead`, 'Try again'])
  assert.is.not(insteadOf('wasm'), 'wasm')
})

showing(
  'an element is made anew each time, also one without values: a kept one would hold the page it was drawn in',
  () => {
    const draw = () => html`<p><b>always the same</b></p>`
    const [first, second] = [draw(), draw()]
    assert.is.not(first, second)
    assert.is.not(first.props.children, second.props.children)
  },
)

showing('hostile tokens are text in every block', () => {
  const hostile = toyRun(HOSTILE)
  hostile.names.forEach((_, id) =>
    (hostile.names as Map<number, string>).set(id, HOSTILE[id % HOSTILE.length]),
  )
  const token = 1
  const dispatch = (): void => {}
  const page = renderToString(
    html`<main>
      ${h(TokenStrip, { run: hostile, chosen: token, shown: token, marked: null, edit: [], dispatch })}
      ${featureColumns(hostile, token, null, dispatch)} ${lens(hostile, token, dispatch)}
      ${h(Grid, { run: hostile, token, dispatch })} ${nextToken(hostile, token)}
      ${comparison(hostile, token, [0, 1], dispatch)}
    </main>`,
  )
  assert.not.match(page, /<(img|script|svg|iframe|b onload)/i)
  assert.match(page, /&lt;/)
})

showing('a feature’s row carries its exact number for whoever wants to compare', () => {
  const third = toyRun([' one', ' two'])
  third.layers[1].features.values[5] = 1 / 3
  const open = { layer: 1, feature: 7 }
  const page = renderToString(featureColumns(third, 2, open, () => {}))
  assert.match(page, `data-layer="1" data-feature="7" data-value="${Math.fround(1 / 3)}"`)
  assert.is(page.match(/aria-pressed="true"/g)?.length, 1)
})
showing.run()
