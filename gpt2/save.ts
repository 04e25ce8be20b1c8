// A model's config.json, as Hugging Face's transformers reads it.
import { ACTIVATIONS, type Gpt2Config } from './config.ts'
import { SPREAD } from './train/initial.ts'

/** Dropout is 0: models are trained here without it. */
export function configJson(config: Gpt2Config): string {
  const [activation] = Object.entries(ACTIVATIONS).find(([, name]) => name === config.activation)!
  return JSON.stringify(
    {
      model_type: 'gpt2',
      architectures: ['GPT2LMHeadModel'],
      n_layer: config.nLayers,
      n_embd: config.dModel,
      n_head: config.nHeads,
      n_inner: config.dMlp === 4 * config.dModel ? null : config.dMlp,
      n_positions: config.nCtx,
      n_ctx: config.nCtx,
      vocab_size: config.dVocab,
      layer_norm_epsilon: config.eps,
      activation_function: activation,
      scale_attn_weights: config.scaledByHead,
      scale_attn_by_inverse_layer_idx: config.scaledByLayer,
      tie_word_embeddings: !config.untied,
      ...(config.bos === undefined ? {} : { bos_token_id: config.bos, eos_token_id: config.bos }),
      ...{ attn_pdrop: 0, embd_pdrop: 0, resid_pdrop: 0, initializer_range: SPREAD },
      torch_dtype: 'float32',
    },
    undefined,
    2,
  )
}
