// The config.json of a GPT-2.
import type { Activation } from '../engine/backend.ts'
import { JsonFields } from '../engine/weights/json-fields.ts'

/** The sizes of a GPT-2, under TransformerLens' names in camel case. */
export interface Gpt2Config {
  readonly nLayers: number
  readonly dModel: number // width of the residual stream
  readonly nHeads: number
  readonly dHead: number // dModel / nHeads
  readonly dMlp: number // hidden width of the MLP, 4 * dModel unless the config says otherwise
  readonly nCtx: number // the context: how many positions the model has
  readonly dVocab: number
  readonly eps: number // LayerNorm's, inside the root
  readonly bos: number | undefined // <|endoftext|>, put before every text
  readonly activation: Exclude<Activation, 'none'> // of the MLP
  /** Whether attention scores are divided by sqrt(dHead), and whether also by the layer's number, counted from 1. */
  readonly scaledByHead: boolean
  readonly scaledByLayer: boolean
  /** Whether config.json says that the unembedding is not the embedding matrix. */
  readonly untied: boolean
}

/** @throws if the model has none: it then runs on ids only */
export function bosOf({ bos, dVocab }: Pick<Gpt2Config, 'bos' | 'dVocab'>): number {
  if (bos !== undefined) return bos
  throw new Error(
    `config.json: bos_token_id is missing or not an id of the ${dVocab} tokens, but a text begins with BOS: set it, or give ids (--ids)`,
  )
}

/** GPT-2 small: the `config.json` of openai-community/gpt2. */
export const gpt2Small: Gpt2Config & { readonly bos: number } = {
  nLayers: 12,
  dModel: 768,
  nHeads: 12,
  dHead: 64,
  dMlp: 3072,
  nCtx: 1024,
  dVocab: 50257,
  eps: 1e-5,
  bos: 50256,
  activation: 'gelu',
  scaledByHead: true,
  scaledByLayer: false,
  untied: false,
}

/**
 * The limit of each size, above any GPT-2's (the largest has 48 layers, 25 heads and a width of 1,600). Tables are built from the
 * sizes before the weights can be compared with them.
 */
const MOST = {
  n_layer: 1000,
  n_head: 1000,
  n_embd: 2 ** 16,
  n_inner: 2 ** 20,
  n_positions: 2 ** 20,
  vocab_size: 2 ** 20,
}

/** Unsupported variants of GPT-2. `reorder_and_upcast_attn` changes nothing where everything is float32. */
const required = {
  model_type: ['gpt2'],
  add_cross_attention: [false, undefined],
}

/** Activation functions by their names in configs. */
export const ACTIVATIONS: Readonly<Record<string, Gpt2Config['activation']>> = {
  gelu_new: 'gelu',
  gelu_pytorch_tanh: 'gelu',
  gelu: 'geluErf',
  relu: 'relu',
}

/**
 * Reads a Hugging Face GPT-2 `config.json`.
 * @throws naming the field, what it holds and what is expected
 */
export const parseConfig = (json: string, label = 'config.json'): Gpt2Config =>
  readConfig(new JsonFields(json, label))

/** The same from parsed fields, which record what was not read. */
export function readConfig(fields: JsonFields): Gpt2Config {
  fields.require({ ...required, activation_function: [...Object.keys(ACTIVATIONS), undefined] })
  const size = (name: keyof typeof MOST, otherwise?: number) =>
    fields.integer(name, { max: MOST[name], otherwise })
  const dModel = size('n_embd')
  const nHeads = size('n_head')
  const dVocab = size('vocab_size')
  if (dModel % nHeads !== 0)
    throw new Error(`${fields.label}: n_embd ${dModel} does not split into n_head ${nHeads} heads`)
  const bos = fields.integer('bos_token_id', { min: 0, otherwise: dVocab })
  return {
    nLayers: size('n_layer'),
    dModel,
    nHeads,
    dHead: dModel / nHeads,
    dMlp: size('n_inner', 4 * dModel),
    nCtx: size('n_positions'),
    dVocab,
    eps: fields.positive('layer_norm_epsilon', gpt2Small.eps),
    bos: bos < dVocab ? bos : undefined, // many configs have GPT-2's, whatever their vocabulary
    activation: ACTIVATIONS[fields.text('activation_function', 'gelu_new')],
    scaledByHead: fields.flag('scale_attn_weights', true),
    scaledByLayer: fields.flag('scale_attn_by_inverse_layer_idx', false),
    untied: !fields.flag('tie_word_embeddings', true),
  }
}
