// Texts with more tokens than the model has positions: refused by name, cut, or read in windows that are one text.
import * as fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { createBackend } from '../../engine/backends.ts'
import { measureEdits } from '../../experiments/ablation/measure.ts'
import { captureStreams } from '../../experiments/lab/models/features.ts'
import { openModel } from '../../experiments/lab/models/models.ts'
import { measureSaes } from '../../experiments/lab/models/sae-quality.ts'
import { windowsOf } from '../../experiments/lab/models/windows.ts'
import { readRows, rowsMetadata, rowsOf } from '../../experiments/lab/texts/captured-rows.ts'
import { namedAfter, tokenizePrompt, tokenizeTexts } from '../../experiments/lab/texts/tokenize-texts.ts'
import { bosOf } from '../../gpt2/config.ts'
import { capture } from '../../gpt2/model.ts'
import { steering } from '../../sae/edit.ts'
import { reference } from '../helpers/backends.ts'
import { messageOf } from '../helpers/compare.ts'
import { randomIds, smallConfig, smallGpt2 } from '../helpers/small-gpt2.ts'
import { randomSaeTensors, saeOf } from '../helpers/small-sae.ts'

const { nCtx, dModel } = smallConfig
const bos = bosOf(smallConfig)
const HOOK = 'blocks.1.hook_resid_pre'
const gpt2 = await smallGpt2(reference)
/** One that fits to the last position, one that does not by a token, and one of three windows among short ones. */
const texts = [5, nCtx - 1, nCtx, 60, 1].map((length, i) => [bos, ...randomIds(length, i)])
const windows = texts.map((ids) => windowsOf(ids, nCtx))

const test = suite('long texts')

test('windows are as few as will do, hold each token once and in order, and begin with BOS', () => {
  fc.assert(
    fc.property(fc.integer({ min: 2, max: 9 }), fc.integer({ min: 0, max: 40 }), (nCtx, tokens) => {
      const ids = [99, ...Array.from({ length: tokens }, (_, i) => i)]
      const windows = windowsOf(ids, nCtx)
      assert.is(windows.length, Math.max(1, Math.ceil(tokens / (nCtx - 1))))
      for (const [i, { ids: own, length, from, last }] of windows.entries()) {
        assert.is(own[0], 99)
        assert.ok(own.length <= nCtx && own.length === length)
        assert.equal(own.slice(1), ids.slice(from, from + length - 1))
        assert.is(last, i === windows.length - 1)
      }
      assert.equal(windows.flatMap(({ ids }) => ids.slice(1)), ids.slice(1)) // prettier-ignore
    }),
  )
})

test('the stream of a long text is that of its windows, with one row for BOS', async () => {
  const done: number[] = []
  const hooks = [HOOK, 'blocks.0.attn.hook_q']
  const streams = await captureStreams(gpt2, texts, hooks, (count) => done.push(count))
  assert.is(done.at(-1), texts.length)
  for (const hook of hooks) {
    const parts: number[][] = []
    for (const { ids, from } of windows.flat()) {
      const { data, shape } = (await capture(gpt2, [ids], [hook])).get(hook)!
      parts.push(Array.from(data.subarray(from === 1 ? 0 : data.length / shape[0])))
    }
    const { shape, data } = streams.get(hook)!
    assert.equal(shape, hook === HOOK ? [texts.flat().length, dModel] : [texts.flat().length, 4, 5])
    assert.equal(Array.from(data), parts.flat())
  }
})

test('what an edit does to a long text is what it does to its windows, added up', async () => {
  const direction = Float32Array.from({ length: dModel }, (_, i) => Math.sin(i))
  const [whole, inParts] = [texts, windows.flat().map(({ ids }) => ids)].map((ids) => {
    const coefficients = steering(ids.map(({ length }) => length), 0.7) // prettier-ignore
    return measureEdits(gpt2, ids, [{ hook: HOOK, direction, coefficients }])
  })
  const [{ clean, effects }, parts] = [await whole, await inParts]
  const owners = windows.flatMap((own, text) => own.map(() => text))
  for (const text of texts.keys()) {
    const sum = (values: readonly number[]) =>
      values.filter((_, window) => owners[window] === text).reduce((sum, value) => sum + value, 0)
    assert.ok(Math.abs(clean[text] - sum(parts.clean)) < 1e-9)
    for (const measure of ['loss', 'kl', 'flips'] as const)
      assert.ok(Math.abs(effects[0][text][measure] - sum(parts.effects[0].map((one) => one[measure]))) < 1e-9)
  }
  assert.ok(effects[0][3].kl > 0)
})

test('an SAE does on a long text as on its windows', async () => {
  const tensors = randomSaeTensors(dModel, 33, 4)
  const model = { gpt2, openSae: () => saeOf(reference, tensors) }
  const whole = (await measureSaes(model, texts, [HOOK])).get(HOOK)!
  const parts = windows.flat().map(({ ids }) => ids)
  const inParts = (await measureSaes(model, parts, [HOOK])).get(HOOK)!
  assert.equal({ ...whole, texts: parts.length }, inParts)
  assert.is(whole.texts, texts.length)
})

const tiny = await openModel('tiny', await createBackend('reference'), { quiet: true })
const long = 'Q;'.repeat(200)
const named = namedAfter('mine.csv', [
  { category: 'A', text: 'x' },
  { category: 'B', text: 'y' },
  { category: 'A', text: long },
])

test('refused, a text is named: file, category, number, and what lets it through', async () => {
  const message = await messageOf(() => tokenizeTexts(tiny, named, 'refuse'))
  assert.match(
    message,
    /^mine\.csv, text 2 of "A" \(3 of 3\): "Q;Q;.*…": .*400 tokens, at most 255 are allowed/,
  )
  assert.match(message, /, or use --long cut or --long split$/)
  assert.equal(tokenizeTexts(tiny, named.slice(0, 2), 'refuse').long, undefined)
})

test('cut, its first tokens are left; split, all; and it is said of how many texts', () => {
  const ids = [tiny.gpt2.config.bos, ...tiny.tokenizer.encode(long)]
  const cut = tokenizeTexts(tiny, named, 'cut')
  assert.equal(cut.ids[2], ids.slice(0, 256))
  assert.is(cut.long, '1 of 3 texts has more than 255 tokens: cut to the first 255')
  const split = tokenizeTexts(tiny, named, 'split')
  assert.equal(split.ids, [...cut.ids.slice(0, 2), ids])
  assert.match(
    split.long!,
    /^1 of 3 texts has more than 255 tokens: split into windows of at most 255, each read with a BOS of its own, which never/,
  )
  assert.is(
    tokenizeTexts(tiny, named.slice(0, 2), 'cut').long,
    'none of the 2 texts has more than 255 tokens',
  )
  assert.is(tokenizeTexts(tiny, [{ text: 'x' }], 'split').long, undefined)
  assert.match(tokenizeTexts(tiny, [{ text: long }], 'cut').long!, /^the text has more than 255 tokens: cut/)
})

test('a text of exactly the context is neither', () => {
  const text = 'Q;'.repeat(127) + '!'
  assert.is(tiny.tokenize(text).length, 256)
  for (const way of ['cut', 'split'] as const)
    assert.equal(tokenizeTexts(tiny, [{ text }], way), { ids: [tiny.tokenize(text)], long: undefined })
})

test('an empty text has no tokens, whatever is done with long ones; an empty prompt is BOS', async () => {
  for (const way of ['refuse', 'cut', 'split'] as const)
    assert.is(
      await messageOf(() => tokenizeTexts(tiny, [{ text: '', name: 'a.txt' }], way)),
      'a.txt: the text is empty; give at least one character',
    )
  assert.equal(tokenizePrompt(tiny, { text: '' }), [tiny.gpt2.config.bos])
  assert.equal(tokenizePrompt(tiny, { text: ' ' }), tiny.tokenize(' '))
})

test('row ranges are read back; what they cannot be is an error', async () => {
  const metadata = new Map(
    Object.entries(rowsMetadata(rowsOf([[9, 1, 2], [9, 1], Array<number>(9).fill(1)]), ['b', '10', 'b'])),
  )
  assert.is(metadata.get('rows'), '[[0,3],[3,5],[5,14]]')
  assert.equal(readRows(metadata), { lengths: [3, 2, 9], categories: ['b', '10', 'b'] })
  assert.equal(readRows(new Map(Object.entries(rowsMetadata([[0, 3]])))), { lengths: [3] })
  assert.is(readRows(new Map()), undefined)
  const wrong = (rows: string) => messageOf(() => readRows(new Map([['rows', rows]])))
  assert.is(await wrong('[[0,3],[4,6]]'), 'metadata "rows": expected [3, a row from 5], found [4,6]')
  assert.is(await wrong('[[0,1]]'), 'metadata "rows": expected [0, a row from 2], found [0,1]')
  for (const range of ['[0,3.5]', '[0,3,4]', '7', '["0","3"]'])
    assert.is(await wrong(`[${range}]`), `metadata "rows": expected [0, a row from 2], found ${range}`)
  assert.is(await wrong('7'), 'metadata "rows": expected a JSON array, found 7')
  assert.match(await wrong('[[0,3]'), 'not valid JSON')
})

test.run()
