/** The sizes of a GPT-2, under TransformerLens' names in camel case. */
export interface Gpt2Config {
  readonly nLayers: number
  readonly dModel: number // width of the residual stream
  readonly nHeads: number
  readonly dHead: number // dModel / nHeads
  readonly dMlp: number // hidden width of the MLP, 4 * dModel unless the config says otherwise
  readonly nCtx: number // positions the model knows
  readonly dVocab: number
  readonly eps: number // LayerNorm's, inside the root
  readonly bos: number // <|endoftext|>, put before every text
}

/** GPT-2 small: the `config.json` of openai-community/gpt2. */
export const gpt2Small: Gpt2Config = {
  nLayers: 12,
  dModel: 768,
  nHeads: 12,
  dHead: 64,
  dMlp: 3072,
  nCtx: 1024,
  dVocab: 50257,
  eps: 1e-5,
  bos: 50256,
}

/** What this implementation computes; a config that says otherwise would give wrong numbers without a sound. */
const required: Record<string, readonly unknown[]> = {
  model_type: ['gpt2'],
  activation_function: ['gelu_new', 'gelu_pytorch_tanh'], // two names of the tanh approximation
  scale_attn_weights: [true, undefined],
  scale_attn_by_inverse_layer_idx: [false, undefined],
  tie_word_embeddings: [true, undefined],
  add_cross_attention: [false, undefined],
}

/**
 * Reads a Hugging Face GPT-2 `config.json`.
 * @throws naming the field, what it holds and what is expected
 */
export function parseConfig(json: string, label = 'config.json'): Gpt2Config {
  const fields = parseObject(json, label)
  for (const [name, accepted] of Object.entries(required))
    if (!accepted.includes(fields[name]))
      throw new Error(
        `${label}: ${name} is ${JSON.stringify(fields[name])}, but this GPT-2 needs ${JSON.stringify(accepted[0])}`,
      )
  const size = (name: string): number => {
    const value = fields[name]
    if (typeof value !== 'number' || !Number.isInteger(value) || value < 1)
      throw new Error(`${label}: ${name} must be a whole number from 1, got ${JSON.stringify(value)}`)
    return value
  }
  const [dModel, nHeads, dVocab] = [size('n_embd'), size('n_head'), size('vocab_size')]
  if (dModel % nHeads !== 0)
    throw new Error(`${label}: n_embd ${dModel} does not split into n_head ${nHeads} heads`)
  const eps = fields.layer_norm_epsilon
  if (typeof eps !== 'number' || !(eps > 0))
    throw new Error(`${label}: layer_norm_epsilon must be a positive number, got ${JSON.stringify(eps)}`)
  const bos = fields.bos_token_id ?? dVocab - 1
  if (typeof bos !== 'number' || !Number.isInteger(bos) || bos < 0 || bos >= dVocab)
    throw new Error(`${label}: bos_token_id must be in 0..${dVocab - 1}, got ${JSON.stringify(bos)}`)
  return {
    nLayers: size('n_layer'),
    dModel,
    nHeads,
    dHead: dModel / nHeads,
    dMlp: fields.n_inner === null || fields.n_inner === undefined ? 4 * dModel : size('n_inner'),
    nCtx: size('n_positions'),
    dVocab,
    eps,
    bos,
  }
}

function parseObject(json: string, label: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (error) {
    throw new Error(`${label}: not valid JSON: ${(error as Error).message}`, { cause: error })
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw new Error(`${label}: expected a JSON object of model settings`)
  return value as Record<string, unknown>
}
