// An SAE's files as SAELens 6 and later versions read them.
import { readTensor, type WeightStore } from '../engine/weights/weights.ts'
import type { Tensor } from '../engine/tensor.ts'
import type { SaeConfig } from './config.ts'
import { saeShapes, saeSources } from './weights.ts'

/** cfg.json. A scale of all inputs is no longer in it: see saeTensors. */
export function saeJson(config: SaeConfig): string {
  const { dIn, dSae, dOut, hookName, hookNameOut, k, centered, normalisation } = config
  const transcodes = hookName !== hookNameOut
  return JSON.stringify({
    architecture: config.architecture,
    d_in: dIn,
    d_sae: dSae,
    dtype: 'float32',
    device: 'cpu',
    apply_b_dec_to_input: config.subtractsDecoderBias,
    normalize_activations: normalisation,
    reshape_activations:
      hookName.endsWith('attn.hook_z') && config.headIndex === undefined ? 'hook_z' : 'none',
    ...(k === undefined ? {} : { k, rescale_acts_by_decoder_norm: config.scalesByDecoderNorm }),
    ...(transcodes ? { d_out: dOut } : {}),
    metadata: {
      sae_lens_version: '6.0.0', // the first that lays a cfg.json out like this
      model_name: config.modelName,
      hook_name: hookName,
      ...(transcodes ? { hook_name_out: hookNameOut } : {}),
      hook_head_index: config.headIndex ?? null,
      prepend_bos: true,
      model_class_name: 'HookedTransformer',
      model_from_pretrained_kwargs: centered ? { center_writing_weights: true } : {},
    },
  })
}

/**
 * sae_weights.safetensors, F32. A scale of all inputs is folded into the weights, because SAELens keeps it in its registry.
 * @throws as `saeSources` does
 */
export async function saeTensors(store: WeightStore, config: SaeConfig): Promise<Map<string, Tensor>> {
  const source = await saeSources(store, { ...config, scalesByDecoderNorm: false })
  const tensors = new Map<string, Tensor>()
  for (const name of saeShapes(config).keys()) tensors.set(name, await readTensor(source(name)))
  return tensors
}
