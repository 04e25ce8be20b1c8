// The tokenizer that a model folder brings: held to transformers' own, and what is of another kind is refused by name.
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createBackend } from '../../engine/backends.ts'
import { findTokenizer } from '../../experiments/lab/models/own-tokenizer.ts'
import { openModel } from '../../experiments/lab/models/models.ts'
import { refusal } from '../helpers/refusal.ts'

const FIXTURE = join(import.meta.dirname, '../reference/own-tokenizer')
const scratch = mkdtempSync(join(tmpdir(), 'tokenizer-'))
const config = { dVocab: 420 }

const { cases } = JSON.parse(readFileSync(join(FIXTURE, 'golden.json'), 'utf8')) as {
  cases: { text: string; plain: number[]; added?: number[] }[]
}

const test = suite('own tokenizer')
test.after(() => rmSync(scratch, { recursive: true }))

/** The fixture `plain` after a change of its tokenizer.json. */
function changed(edit: (json: Json) => void): string {
  const folder = mkdtempSync(join(scratch, 't-'))
  cpSync(join(FIXTURE, 'plain'), folder, { recursive: true })
  const path = join(folder, 'tokenizer.json')
  const json = JSON.parse(readFileSync(path, 'utf8')) as Json
  edit(json)
  writeFileSync(path, JSON.stringify(json))
  return folder
}
interface Json {
  [name: string]: unknown
  model: { [name: string]: unknown; vocab: Record<string, number>; merges: unknown[] }
  pre_tokenizer: Record<string, unknown>
  added_tokens: Record<string, unknown>[]
}

test('tokenizer.json gives the ids of transformers, and its texts again', async () => {
  const { tokenizer, origin } = await findTokenizer(join(FIXTURE, 'plain'), config)
  assert.match(origin, /plain[/\\]tokenizer\.json$/)
  assert.ok(cases.length > 300)
  for (const { text, plain } of cases) {
    assert.equal(tokenizer.encode(text), plain, text)
    assert.is(tokenizer.decode(plain), text)
  }
  assert.is(tokenizer.endOfText, 0)
  assert.equal(tokenizer.pieces([0, 1]), ['<|endoftext|>', '!'])
})

test('vocab.json and merges.txt give the same', async () => {
  const { tokenizer } = await findTokenizer(join(FIXTURE, 'vocab-and-merges'), config)
  for (const { text, plain } of cases) assert.equal(tokenizer.encode(text), plain, text)
  assert.is(tokenizer.endOfText, 0)
  assert.is(tokenizer.decode([0]), '<|endoftext|>')
})

test('added tokens are taken whole, the longer of two at one place', async () => {
  const { tokenizer } = await findTokenizer(join(FIXTURE, 'with-added'), { dVocab: 500 })
  let used = 0
  for (const { text, added, plain } of cases) {
    if (added === undefined) continue
    assert.equal(tokenizer.encode(text), added, text)
    if (added.join() !== plain.join()) used++
  }
  assert.ok(used > 20, `added tokens stand in ${used} texts`)
})

test('merges are those of the file, not every pair whose union is a token', async () => {
  const folder = changed(({ model }) => {
    model.vocab = { '<|endoftext|>': 0, a: 1, b: 2, c: 3, ab: 4, bc: 5, abc: 6 }
    model.merges = ['b c', 'a b', 'ab c']
  })
  assert.equal((await findTokenizer(folder, config)).tokenizer.encode('abc'), [1, 5])
  const whole = changed(({ model }) => {
    model.vocab = { '<|endoftext|>': 0, a: 1, b: 2, c: 3, ab: 4, bc: 5, abc: 6 }
    model.merges = ['b c', 'a b', 'ab c']
    model.ignore_merges = true
  })
  assert.equal((await findTokenizer(whole, config)).tokenizer.encode('abc'), [6])
})

test('a byte that the vocabulary has no token for is an error, not a gap', async () => {
  const folder = changed(({ model }) => {
    model.vocab = { '<|endoftext|>': 0, a: 1 }
    model.merges = []
  })
  const { tokenizer } = await findTokenizer(folder, config)
  assert.throws(() => tokenizer.encode('ab'), /no token for b, a byte of the text: take it out/)
})

const refusals: [what: string, edit: (json: Json) => void, message: RegExp][] = [
  [
    'a normalizer',
    (json) => (json.normalizer = { type: 'NFC' }),
    /tokenizer\.json: normalizer is {"type":"NFC"}, expected null/,
  ],
  [
    'another pre-tokenizer',
    ({ pre_tokenizer }) => (pre_tokenizer.type = 'Whitespace'),
    /pre_tokenizer: type is "Whitespace", expected "ByteLevel"/,
  ],
  [
    'no pre-tokenizer',
    (json) => Object.assign(json, { pre_tokenizer: null }),
    /pre_tokenizer: type is missing, expected "ByteLevel"/,
  ],
  [
    'a space before each text',
    ({ pre_tokenizer }) => (pre_tokenizer.add_prefix_space = true),
    /pre_tokenizer: add_prefix_space is true, expected false/,
  ],
  [
    'no pattern',
    ({ pre_tokenizer }) => (pre_tokenizer.use_regex = false),
    /pre_tokenizer: use_regex is false, expected true/,
  ],
  ['another decoder', (json) => (json.decoder = { type: 'Metaspace' }), /decoder: type is "Metaspace"/],
  [
    'a WordPiece model',
    ({ model }) => (model.type = 'WordPiece'),
    /model: type is "WordPiece", expected "BPE"/,
  ],
  ['dropout', ({ model }) => (model.dropout = 0.1), /model: dropout is 0\.1, expected null or 0/],
  [
    'byte fallback',
    ({ model }) => (model.byte_fallback = true),
    /model: byte_fallback is true, expected false/,
  ],
  [
    'a prefix of subwords',
    ({ model }) => (model.continuing_subword_prefix = '##'),
    /continuing_subword_prefix is "##"/,
  ],
  ['an end of words', ({ model }) => (model.end_of_word_suffix = '</w>'), /end_of_word_suffix is "<\/w>"/],
  [
    'a token behind each text',
    (json) =>
      (json.post_processor = {
        type: 'TemplateProcessing',
        single: [{ Sequence: {} }, { SpecialToken: {} }],
      }),
    /post_processor: single puts Sequence, SpecialToken together, expected the text alone/,
  ],
  [
    'another post-processor',
    (json) => (json.post_processor = { type: 'BertProcessing' }),
    /post_processor: type is "BertProcessing"/,
  ],
  [
    'an added token that eats spaces',
    ({ added_tokens }) => added_tokens.push({ id: 400, content: 'x', lstrip: true }),
    /added_tokens 1: lstrip is true, expected false/,
  ],
  [
    'an id beyond the vocabulary',
    ({ model }) => (model.vocab['a'] = 420),
    /token "a" has id 420, expected a whole number from 0 to 419, the model's vocab_size/,
  ],
  [
    'one id for two tokens',
    ({ model }) => (model.vocab['a'] = model.vocab['b']),
    /id \d+ stands for two tokens, one of them "b"/,
  ],
  [
    'a merge that makes no token',
    ({ model }) => model.merges.push(['a', 'Ġ']),
    /the merge of "a" and "Ġ" gives no token of the vocabulary/,
  ],
  [
    'a merge of three',
    ({ model }) => model.merges.push('a b c'),
    /model: merges: expected two tokens that merge, found "a b c"/,
  ],
  [
    'SentencePiece’s tokens',
    ({ model }) => (model.vocab['▁the'] = 419),
    /token "▁the" holds "▁", which stands for no byte/,
  ],
]
for (const [what, edit, message] of refusals)
  test(`${what} is refused by name`, async () => {
    assert.match(await refusal(findTokenizer(changed(edit), config)), message)
  })

test('files of another kind, and half a tokenizer, are refused', async () => {
  const folder = mkdtempSync(join(scratch, 't-'))
  writeFileSync(join(folder, 'spiece.model'), '')
  assert.match(await refusal(findTokenizer(folder, config)), /spiece\.model is a tokenizer of another kind/)
  writeFileSync(join(folder, 'vocab.json'), '{}')
  assert.match(await refusal(findTokenizer(folder, config)), /there is vocab\.json but no merges\.txt/)
  const settings = changed(() => {})
  writeFileSync(join(settings, 'tokenizer_config.json'), '{"tokenizer_class":"LlamaTokenizer"}')
  assert.match(
    await refusal(findTokenizer(settings, config)),
    /tokenizer_config\.json: tokenizer_class is "LlamaTokenizer"/,
  )
  writeFileSync(join(settings, 'tokenizer_config.json'), '{"add_prefix_space":true}')
  assert.match(await refusal(findTokenizer(settings, config)), /add_prefix_space is true, expected false/)
})

test('without files: GPT-2’s for its vocabulary or more, ids alone for less', async () => {
  const folder = mkdtempSync(join(scratch, 't-'))
  assert.equal((await findTokenizer(folder, { dVocab: 50304 })).tokenizer.encode('Hello'), [15496])
  const { tokenizer } = await findTokenizer(folder, { dVocab: 3 })
  assert.equal(tokenizer.pieces([0, 2]), ['⟨id 0⟩', '⟨id 2⟩'])
  assert.throws(
    () => tokenizer.encode('a'),
    /no tokenizer\.json, .* a vocabulary of 3 is not GPT-2's 50257: .* give --ids/,
  )
  assert.throws(() => tokenizer.pieces([3]), /id 3 is not a whole number from 0 to 2/)
})

test('a model in a folder shows and reads tokens by its own tokenizer, whose end of text is BOS', async () => {
  const folder = mkdtempSync(join(scratch, 't-'))
  cpSync(join(import.meta.dirname, '../../gpt2/tiny'), folder, { recursive: true })
  cpSync(join(FIXTURE, 'plain'), folder, { recursive: true })
  const ops = await createBackend('reference')
  const model = await openModel(folder, ops, { quiet: true })
  const { text, plain } = cases.find(({ text }) => text.startsWith('Hello'))!
  assert.equal(model.tokenize(text), [0, ...plain])
  assert.is(model.gpt2.config.bos, 0)
  await ops.dispose()
})

test.run()
