import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { bosOf, gpt2Small, parseConfig } from '../../gpt2/config.ts'
import { weightShapes } from '../../gpt2/weights.ts'
import { sizeOf } from '../../engine/tensor.ts'
import { messageOf } from '../helpers/compare.ts'
import { holds } from '../helpers/random.ts'

const test = suite('gpt2 config')

/** What a GPT-2 config.json must hold; the values of the public one. */
const publicFields = {
  model_type: 'gpt2',
  activation_function: 'gelu_new',
  n_embd: 768,
  n_head: 12,
  n_layer: 12,
  n_positions: 1024,
  vocab_size: 50257,
  layer_norm_epsilon: 1e-5,
  bos_token_id: 50256,
}
const withFields = (fields: object) => JSON.stringify({ ...publicFields, ...fields })

test('the public config, with fields that change nothing', () => {
  assert.equal(parseConfig(withFields({})), gpt2Small)
  const more = {
    n_inner: null,
    scale_attn_weights: true,
    attn_pdrop: 0.1,
    architectures: ['GPT2LMHeadModel'],
  }
  assert.equal(parseConfig(withFields(more)), gpt2Small)
  assert.equal(parseConfig(withFields({ activation_function: 'gelu_pytorch_tanh' })), gpt2Small)
})

test('variants of GPT-2 that are run, and what is left out as transformers has it', () => {
  const variant = (fields: object) => parseConfig(withFields(fields))
  assert.is(variant({ activation_function: 'gelu' }).activation, 'geluErf')
  assert.is(variant({ activation_function: 'relu' }).activation, 'relu')
  assert.is(variant({ scale_attn_weights: false }).scaledByHead, false)
  assert.is(variant({ scale_attn_by_inverse_layer_idx: true }).scaledByLayer, true)
  assert.is(variant({ tie_word_embeddings: false }).untied, true)
  assert.equal(variant({ reorder_and_upcast_attn: true }), gpt2Small)
  assert.equal(variant({ activation_function: undefined, layer_norm_epsilon: undefined }), gpt2Small)
})

test('sizes that are left out follow from others', () => {
  assert.is(parseConfig(withFields({ n_embd: 24 })).dMlp, 96)
  assert.is(parseConfig(withFields({ n_embd: 24 })).dHead, 2)
  assert.is(parseConfig(withFields({ n_inner: 7 })).dMlp, 7)
  assert.is(parseConfig(withFields({ bos_token_id: 0 })).bos, 0)
})

test('BOS that is missing, or no token, is left to the tokenizer; a text without BOS is refused', async () => {
  for (const fields of [{ bos_token_id: undefined }, { bos_token_id: null }, { bos_token_id: 50257 }]) {
    const config = parseConfig(withFields(fields))
    assert.is(config.bos, undefined)
    assert.match(
      await messageOf(() => bosOf(config)),
      /bos_token_id is missing or not an id of the 50257 tokens/,
    )
  }
  assert.is(bosOf(gpt2Small), 50256)
})

const wrong: readonly [fields: object, message: string][] = [
  [{ model_type: 'llama' }, 'model_type is "llama", expected "gpt2"'],
  [{ model_type: undefined }, 'model_type is missing, expected "gpt2"'],
  [
    { activation_function: 'silu' },
    'activation_function is "silu", expected "gelu_new" or "gelu_pytorch_tanh" or "gelu" or "relu"',
  ],
  [{ scale_attn_weights: 'no' }, 'scale_attn_weights is "no", expected true or false'],
  [{ scale_attn_by_inverse_layer_idx: 1 }, 'scale_attn_by_inverse_layer_idx is 1, expected true or false'],
  [{ tie_word_embeddings: 0 }, 'tie_word_embeddings is 0, expected true or false'],
  [{ add_cross_attention: true }, 'add_cross_attention is true, expected false'],
  [{ n_embd: undefined }, 'n_embd is missing, expected a whole number from 1 to 65536'],
  [{ n_embd: '768' }, 'n_embd is "768", expected a whole number from 1 to 65536'],
  [{ n_head: 0 }, 'n_head is 0, expected a whole number from 1 to 1000'],
  [{ n_head: 1.5 }, 'n_head is 1.5, expected a whole number from 1 to 1000'],
  [{ n_head: 7 }, 'n_embd 768 does not split into n_head 7 heads'],
  [{ n_layer: -1 }, 'n_layer is -1, expected a whole number from 1 to 1000'],
  [{ n_positions: null }, 'n_positions is null, expected a whole number from 1 to 1048576'],
  [{ vocab_size: [50257] }, 'vocab_size is [50257], expected a whole number from 1 to 1048576'],
  [{ n_inner: 0 }, 'n_inner is 0, expected a whole number from 1 to 1048576'],
  ...[
    ['n_layer', 1000],
    ['n_head', 1000],
    ['n_embd', 65536],
    ['n_inner', 1048576],
    ['n_positions', 1048576],
    ['vocab_size', 1048576],
  ].map(([name, most]): [object, string] => [
    { [name]: 1e9 },
    `${name} is 1000000000, expected a whole number from 1 to ${most}`,
  ]),
  [{ n_embd: 'x'.repeat(5e6) }, `n_embd is "${'x'.repeat(76)}..., expected a whole number from 1 to 65536`],
  [{ layer_norm_epsilon: 0 }, 'layer_norm_epsilon is 0, expected a positive number'],
  [{ layer_norm_epsilon: '1e-5' }, 'layer_norm_epsilon is "1e-5", expected a positive number'],
  [{ bos_token_id: -1 }, 'bos_token_id is -1, expected a whole number from 0'],
  [{ bos_token_id: '0' }, 'bos_token_id is "0", expected a whole number from 0'],
]
for (const [fields, message] of wrong)
  test(message, async () =>
    assert.is(
      await messageOf(() => parseConfig(withFields(fields), 'DIR/config.json')),
      `DIR/config.json: ${message}`,
    ),
  )

test('a number too large for float64 is no eps', async () => {
  const json = withFields({}).replace('0.00001', '1e999')
  assert.match(
    await messageOf(() => parseConfig(json)),
    /layer_norm_epsilon is .*, expected a positive number/,
  )
})

test('a key that stands twice, of which JSON.parse would keep the last', async () => {
  const twice = (more: string) => withFields({}).replace(/}$/, `,${more}}`)
  assert.is(
    await messageOf(() => parseConfig(twice('"n_layer":6'), 'F')),
    'F: "n_layer" stands twice in the file',
  )
  assert.is(
    await messageOf(() => parseConfig(twice('"task":{"a":1,"a":2}'), 'F')),
    'F: "a" stands twice in "task" in the file',
  )
})

test('not JSON, and not an object', async () => {
  assert.match(await messageOf(() => parseConfig('{"n_embd": ')), /^config\.json: not valid JSON: /)
  assert.is(
    await messageOf(() => parseConfig('[1]')),
    'config.json: expected a JSON object of settings, got [1]',
  )
  assert.is(
    await messageOf(() => parseConfig('null')),
    'config.json: expected a JSON object of settings, got null',
  )
})

test('any JSON gives a config of whole sizes, or an error that names the file', async () => {
  const names = [...Object.keys(publicFields), 'n_inner', '__proto__', 'constructor']
  const anyValue = fc.oneof(fc.jsonValue(), fc.constantFrom(0, 1, 2, 12, 1e300, -0, 'gpt2', null, true))
  const anyFields = fc.dictionary(fc.constantFrom(...names), anyValue, { maxKeys: 3 })
  const anyConfig = fc.oneof(
    fc.json(),
    fc.string(),
    anyFields.map((fields) => withFields(fields)),
    anyFields.map((fields) => JSON.stringify(fields)),
  )
  await holds(
    [anyConfig],
    async (json) => {
      const parse = () => {
        const { eps, bos, activation, scaledByHead, scaledByLayer, untied, ...sizes } = parseConfig(json, 'F')
        assert.ok([activation, scaledByHead, scaledByLayer, untied].every((value) => value !== undefined))
        assert.ok(bos === undefined || (Number.isSafeInteger(bos) && bos >= 0 && bos < sizes.dVocab))
        assert.ok(eps > 0 && Number.isFinite(eps))
        for (const size of Object.values(sizes)) assert.ok(Number.isSafeInteger(size) && size >= 0)
        throw new Error('F: is fine')
      }
      assert.match(await messageOf(parse), /^F: /)
    },
    2000,
  )
})

test('weightShapes: GPT-2 small has 148 tensors and 124,439,808 numbers', () => {
  const shapes = weightShapes(gpt2Small)
  assert.is(shapes.size, 148)
  assert.is(
    [...shapes.values()].reduce((sum, shape) => sum + sizeOf(shape), 0),
    124_439_808,
  )
})

test.run()
