import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { Tiktoken } from 'js-tiktoken/lite'
import gpt2Ranks from 'js-tiktoken/ranks/gpt2'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { loadTexts } from '../../experiments/lab/texts/texts-node.ts'
import { categoriesOf } from '../../experiments/lab/texts/texts.ts'

/** The texts of experiments/black-box: what the replication says of them only holds if they are our own. */
const test = suite('black-box texts')

const texts = await loadTexts(
  fileURLToPath(new URL('../../experiments/lab/texts/texts.json', import.meta.url)),
)

/** As described in post-texts-sha256.json: a change of case, spacing or punctuation makes no new text. */
const normalised = (text: string) =>
  text
    .normalize('NFKC')
    .toLowerCase()
    .replace(/[\s\p{P}]+/gu, '')

const fingerprint = (text: string) => createHash('sha256').update(normalised(text)).digest('hex')

test('seven categories in the order of the post, 20 texts each', () => {
  const expected = ['Python', 'URLs', 'Math', 'Non-English', 'Social', 'Formal', 'Conversational']
  assert.equal(categoriesOf(texts), expected)
  for (const name of expected) assert.is(texts.filter(({ category }) => category === name).length, 20, name)
})

test('all distinct', () => {
  assert.is(new Set(texts.map(({ text }) => normalised(text))).size, 140)
})

test("none of the post's texts among them", () => {
  const path = new URL('../reference/post-texts-sha256.json', import.meta.url)
  const { sha256 } = JSON.parse(readFileSync(path, 'utf8')) as { sha256: string[] }
  assert.is(new Set(sha256).size, 70)
  // One text of the post, to see that the fingerprints are taken as they were.
  assert.ok(sha256.includes(fingerprint('E = mc^2')))
  const shared = texts.filter(({ text }) => sha256.includes(fingerprint(text)))
  assert.equal(shared, [])
})

test('well-formed Unicode, composed', () => {
  for (const { text } of texts) assert.ok(text.isWellFormed() && text === text.normalize('NFC'), text)
})

test("short: 3 to 60 of GPT-2's tokens, and with BOS within 256 positions under any byte-level tokenizer", () => {
  const gpt2 = new Tiktoken(gpt2Ranks)
  for (const { text } of texts) {
    const tokens = gpt2.encode(text, [], []).length
    assert.ok(tokens >= 3 && tokens <= 60, `${tokens} tokens: ${text}`)
    assert.ok(Buffer.byteLength(text) < 256, text)
  }
})

test('Non-English comes in many scripts', () => {
  const scripts = [
    'Latin',
    'Cyrillic',
    'Greek',
    'Arabic',
    'Hebrew',
    'Devanagari',
    'Han',
    'Hiragana',
    'Hangul',
    'Thai',
  ]
  const foreign = texts.filter(({ category }) => category === 'Non-English').map(({ text }) => text)
  for (const script of scripts) {
    const letter = new RegExp(`\\p{Script=${script}}`, 'u')
    assert.ok(
      foreign.some((text) => letter.test(text)),
      script,
    )
  }
})

test.run()
