import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { describeBasis, parseSaeConfig, plainConfig, type SaeConfig } from '../../sae/config.ts'
import { messageOf } from '../helpers/compare.ts'
import { holds } from '../helpers/random.ts'

const test = suite('sae config')

/** What the public gpt2-small-res-jb SAEs say of themselves, as far as it is read: SAELens 3 to 5. */
const flatFields = {
  model_name: 'gpt2-small',
  hook_name: 'blocks.8.hook_resid_pre',
  d_in: 768,
  d_sae: 24576,
  activation_fn_str: 'relu',
  prepend_bos: true,
  normalize_activations: 'none',
  apply_b_dec_to_input: true,
  finetuning_scaling_factor: false,
  model_from_pretrained_kwargs: { center_writing_weights: true },
}
const about = {
  model_name: 'gpt2-small',
  hook_name: 'blocks.8.hook_resid_pre',
  hook_head_index: null,
  prepend_bos: true,
  model_class_name: 'HookedTransformer',
  model_from_pretrained_kwargs: { center_writing_weights: true },
  seqpos_slice: [null],
  context_size: 128,
  sae_lens_version: '6.54.0',
}
/** The same as SAELens 6 saves it. */
const sixFields = {
  architecture: 'standard',
  d_in: 768,
  d_sae: 24576,
  dtype: 'float32',
  device: 'cpu',
  apply_b_dec_to_input: true,
  normalize_activations: 'none',
  reshape_activations: 'none',
}
type Fields = Readonly<Record<string, unknown>>
const flat = (fields: Fields = {}) => JSON.stringify({ ...flatFields, ...fields })
const six = (fields: Fields = {}, more: Fields = {}) =>
  JSON.stringify({ ...sixFields, ...fields, metadata: { ...about, ...more } })

const expected: SaeConfig = {
  ...plainConfig({
    dIn: 768,
    dSae: 24576,
    hookName: 'blocks.8.hook_resid_pre',
    centered: true,
    modelName: 'gpt2-small',
  }),
  headIndex: undefined,
  k: undefined,
}

test('the same SAE in the layouts of SAELens 6, of 3 to 5, and before', () => {
  assert.equal(parseSaeConfig(six()), expected)
  assert.equal(parseSaeConfig(flat()), expected)
  const more = { dtype: 'torch.float32', use_ghost_grads: true, context_size: 128, hook_head_index: null }
  assert.equal(parseSaeConfig(flat(more)), expected)
  const older = {
    hook_name: undefined,
    hook_point: 'blocks.8.hook_resid_pre',
    hook_point_head_index: null,
    activation_fn_str: undefined,
    activation_fn: 'relu',
    normalize_activations: false,
    apply_b_dec_to_input: undefined,
    prepend_bos: undefined,
  }
  assert.equal(parseSaeConfig(flat(older)), expected)
  for (const kwargs of [undefined, {}, { center_writing_weights: false, fold_ln: true }]) {
    const raw = { ...expected, centered: false }
    assert.equal(parseSaeConfig(flat({ model_from_pretrained_kwargs: kwargs })), raw)
    assert.equal(parseSaeConfig(six({}, { model_from_pretrained_kwargs: kwargs })), raw)
  }
})

test('architectures, normalisations and sites', () => {
  const read = (fields: Fields, more: Fields, changes: Partial<SaeConfig>) =>
    assert.equal(parseSaeConfig(six(fields, more)), { ...expected, ...changes })
  read({ architecture: 'topk', k: 32 }, {}, { architecture: 'topk', k: 32 })
  const rescaled = { architecture: 'topk', k: 7, rescale_acts_by_decoder_norm: true }
  read(rescaled, {}, { architecture: 'topk', k: 7, scalesByDecoderNorm: true })
  read({ architecture: 'jumprelu' }, {}, { architecture: 'jumprelu' })
  read({ architecture: 'gated' }, {}, { architecture: 'gated' })
  read({ normalize_activations: 'layer_norm' }, {}, { normalisation: 'layer_norm' })
  const rescale = 'constant_norm_rescale'
  read({ normalize_activations: rescale }, {}, { normalisation: rescale })
  const average = { normalize_activations: 'expected_average_only_in', norm_scaling_factor: 0.5 }
  read(average, {}, { inputScale: 0.5 })
  read({ apply_b_dec_to_input: false }, {}, { subtractsDecoderBias: false })
  const hook = (name: string) => ({ hookName: name, hookNameOut: name })
  for (const name of ['hook_resid_mid', 'hook_resid_post', 'hook_mlp_out', 'hook_attn_out', 'attn.hook_z'])
    read({}, { hook_name: `blocks.0.${name}` }, hook(`blocks.0.${name}`))
  read({ reshape_activations: 'hook_z' }, { hook_name: 'blocks.1.attn.hook_z' }, hook('blocks.1.attn.hook_z'))
  const head = { hook_name: 'blocks.1.attn.hook_z', hook_head_index: 0 }
  read({}, head, { ...hook('blocks.1.attn.hook_z'), headIndex: 0 })
  const across = { hook_name: 'blocks.1.ln2.hook_normalized', hook_name_out: 'blocks.1.hook_mlp_out' }
  const transcoder = { architecture: 'transcoder', apply_b_dec_to_input: false, d_out: 12 }
  const rest = { subtractsDecoderBias: false, dOut: 12 }
  for (const architecture of [
    'transcoder',
    'skip_transcoder',
    'jumprelu_transcoder',
    'jumprelu_skip_transcoder',
  ] as const)
    read({ ...transcoder, architecture }, across, {
      ...{ ...rest, architecture },
      hookName: across.hook_name,
      hookNameOut: across.hook_name_out,
    })
})

test('TopK of SAELens 3 to 5, and normalisation before it', () => {
  const topk = { activation_fn_str: 'topk', activation_fn_kwargs: { k: 32 } }
  assert.equal(parseSaeConfig(flat(topk)), { ...expected, architecture: 'topk', k: 32 })
  const scaled = { normalize_activations: true, norm_scaling_factor: 2 }
  assert.equal(parseSaeConfig(flat(scaled)), { ...expected, inputScale: 2 })
})

/** Field by field: refused in either layout, naming the field. */
const wrong: readonly [fields: Fields, message: string][] = [
  [{ architecture: 'temporal' }, 'architecture is "temporal", expected "standard" or "topk" or '],
  [{ architecture: 'matching_pursuit' }, 'architecture is "matching_pursuit", expected '],
  [{ architecture: 'crosscoder' }, 'architecture is "crosscoder", expected '],
  [{ architecture: 'topk' }, 'activation_fn_kwargs: k is missing, expected a whole number from 1 to 24576'],
  [{ architecture: 'topk', k: 24577 }, 'k is 24577, expected a whole number from 1 to 24576'],
  [
    { activation_fn: 'tanh-relu', activation_fn_str: undefined },
    'activation_fn is "tanh-relu", expected "relu" or "topk"',
  ],
  [
    { architecture: 'gated', activation_fn: 'topk', activation_fn_str: undefined },
    'architecture is "gated", expected "standard" or "topk"',
  ],
  [
    { normalize_activations: 'covariance_whitening' },
    'normalize_activations is "covariance_whitening", expected ',
  ],
  [
    { normalize_activations: 'expected_average_only_in' },
    'norm_scaling_factor is missing, expected the number that inputs are multiplied by, as normalize_activations',
  ],
  [{ finetuning_scaling_factor: true }, 'finetuning_scaling_factor is true, expected false or null'],
  [{ reshape_activations: 'hook_z' }, 'reshape_activations is "hook_z", expected "none"'],
  [{ d_in: undefined }, 'd_in is missing, expected a whole number from 1 to 65536'],
  [{ d_in: 0 }, 'd_in is 0, expected a whole number from 1 to 65536'],
  [{ d_sae: 1.5 }, 'd_sae is 1.5, expected a whole number from 1 to 16777216'],
  [{ d_in: 1e9 }, 'd_in is 1000000000, expected a whole number from 1 to 65536'],
  [{ d_sae: 1e9 }, 'd_sae is 1000000000, expected a whole number from 1 to 16777216'],
  [{ apply_b_dec_to_input: 1 }, 'apply_b_dec_to_input is 1, expected true or false'],
  [{ architecture: 'transcoder', apply_b_dec_to_input: true }, 'hook_name_out is missing, expected a text'],
]
const wrongAbout: readonly [fields: Fields, message: string][] = [
  [{ hook_name: undefined }, 'hook_name is missing, expected a text'],
  [{ hook_name: '' }, 'hook_name is "", expected a text'],
  [
    { hook_name: 'blocks.3.mlp.hook_post' },
    'hook_name is "blocks.3.mlp.hook_post", expected one of blocks.N.hook_resid_pre, ',
  ],
  [
    { hook_name: 'blocks.3.ln2.hook_normalized' },
    'hook_name is "blocks.3.ln2.hook_normalized", expected it of a transcoder alone',
  ],
  [{ hook_name_out: 'blocks.8.hook_mlp_out' }, 'hook_name_out is "blocks.8.hook_mlp_out", expected "" or '],
  [{ hook_head_index: 3 }, 'hook_head_index is 3, expected null'],
  [
    { hook_name: 'blocks.3.attn.hook_z', hook_head_index: -1 },
    'hook_head_index is -1, expected a whole number from 0',
  ],
  [{ prepend_bos: false }, 'prepend_bos is false, expected true or null'],
  [{ seqpos_slice: [5, null] }, 'seqpos_slice is [5,null], expected '],
  [
    { model_class_name: 'AutoModelForCausalLM' },
    'model_class_name is "AutoModelForCausalLM", expected "HookedTransformer"',
  ],
  [
    { model_from_pretrained_kwargs: { center_writing_weights: 'true' } },
    'model_from_pretrained_kwargs: center_writing_weights is "true", expected true or false',
  ],
  [
    { model_from_pretrained_kwargs: { checkpoint_index: 3 } },
    'model_from_pretrained_kwargs: checkpoint_index is 3, expected one of center_writing_weights, ',
  ],
  [
    { hook_name: 'blocks.3.attn.hook_z', model_from_pretrained_kwargs: { fold_value_biases: true } },
    'model_from_pretrained_kwargs: fold_value_biases is true, expected false',
  ],
]
const shown = (fields: Fields) => JSON.stringify(fields).slice(0, 80)
for (const [fields, message] of wrong)
  test(`refused: ${shown(fields)}`, async () => {
    for (const json of [flat(fields), six(fields)]) {
      const found = await messageOf(() => parseSaeConfig(json, 'DIR/cfg.json'))
      assert.match(found.replace('cfg.json: metadata: ', 'cfg.json: '), `DIR/cfg.json: ${message}`)
    }
  })
for (const [fields, message] of wrongAbout)
  test(`refused: ${shown(fields)}`, async () => {
    const read = (json: string) => messageOf(() => parseSaeConfig(json, 'DIR/cfg.json'))
    assert.match(await read(flat(fields)), `DIR/cfg.json: ${message}`)
    assert.match(await read(six({}, fields)), `DIR/cfg.json: metadata: ${message}`)
  })

test('what SAELens reads only inside metadata is refused beside it', async () => {
  for (const field of ['hook_name', 'prepend_bos', 'model_from_pretrained_kwargs', 'hook_head_index']) {
    const message = await messageOf(() => parseSaeConfig(six({ [field]: 1 }), 'F'))
    assert.is(message, `F: ${field} stands beside metadata, expected it inside: move it there`)
  }
})

test('two names of one field that say different things', async () => {
  const message = await messageOf(() => parseSaeConfig(flat({ hook_point: 'blocks.1.hook_resid_pre' }), 'F'))
  assert.is(message, 'F: hook_point is "blocks.1.hook_resid_pre", expected "blocks.8.hook_resid_pre"')
  assert.equal(parseSaeConfig(flat({ hook_point: 'blocks.8.hook_resid_pre' })), expected)
})

test('a transcoder rebuilds what comes after what it reads, and takes b_dec off nothing', async () => {
  const read = (hook_name: string, hook_name_out: string, fields: Fields = {}) =>
    messageOf(() =>
      parseSaeConfig(
        six(
          { architecture: 'transcoder', apply_b_dec_to_input: false, d_out: 768, ...fields },
          { hook_name, hook_name_out },
        ),
        'F',
      ),
    )
  const [before, after] = ['blocks.2.ln2.hook_normalized', 'blocks.2.hook_mlp_out']
  assert.match(
    await read(after, 'blocks.2.hook_resid_mid'),
    'hook_name_out is "blocks.2.hook_resid_mid", expected a hook of',
  )
  assert.match(await read(before, 'blocks.3.attn.hook_z'), 'expected a hook of the stream that comes after')
  assert.match(
    await read(before, after, { apply_b_dec_to_input: true }),
    'apply_b_dec_to_input is true, expected false',
  )
  assert.match(await read(before, after, { d_out: undefined }), 'd_out is missing')
})

test('the basis in words', () => {
  const words = (more: Partial<SaeConfig>) => describeBasis({ ...expected, ...more })
  assert.is(words({}), 'residual stream minus its mean over d_model')
  assert.is(words({ centered: false }), 'residual stream as it is')
  assert.is(
    words({ centered: false, normalisation: 'layer_norm' }),
    'residual stream as it is, each token’s normalised (layer_norm)',
  )
  assert.is(words({ hookName: 'blocks.3.attn.hook_z' }), 'z of all attention heads side by side')
  assert.is(words({ hookName: 'blocks.3.attn.hook_z', headIndex: 4 }), 'z of attention head 4')
  assert.is(
    words({ hookName: 'blocks.3.ln2.hook_normalized' }),
    'normalised stream before ln_2’s weight and bias',
  )
})

test('any JSON gives a config, or an error that names the file', async () => {
  const anyValue = fc.oneof(fc.jsonValue(), fc.constantFrom(0, 1, 768, 'relu', 'topk', null, true))
  const names = [
    ...Object.keys(flatFields),
    ...Object.keys(sixFields),
    'metadata',
    'hook_point',
    'k',
    '__proto__',
  ]
  const anyFields = fc.dictionary(fc.constantFrom(...names), anyValue, { maxKeys: 3 })
  const anyConfig = fc.oneof(
    fc.json(),
    fc.string(),
    anyFields.map((fields) => flat(fields)),
    fc.tuple(anyFields, anyFields).map(([fields, more]) => six(fields, more)),
  )
  await holds(
    [anyConfig],
    async (json) => {
      const parse = () => {
        const { dIn, dSae, hookName } = parseSaeConfig(json, 'F')
        assert.ok(Number.isSafeInteger(dIn) && Number.isSafeInteger(dSae) && hookName !== '')
        throw new Error('F: is fine')
      }
      assert.match(await messageOf(parse), /^F: /)
    },
    2000,
  )
})

test.run()
