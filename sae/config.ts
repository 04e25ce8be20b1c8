// The cfg.json of an SAE.
import { JsonFields } from '../engine/weights/json-fields.ts'

/** Where it was trained, and on which basis. */
export interface SaeConfig {
  readonly dIn: number // width of the stream it reads
  readonly dSae: number // number of features
  /** The point of the residual stream it was trained on, e.g. `blocks.6.hook_resid_pre`. Another one gives numbers without meaning. */
  readonly hookName: string
  /** Whether the stream's mean over d_model was taken out before training (`center_writing_weights`). */
  readonly centered: boolean
  /** Whether b_dec is subtracted from the input. */
  readonly subtractsDecoderBias: boolean
  readonly modelName: string
}

/** The most of each size, far above any SAE's that fits a machine. */
const MOST = { d_in: 2 ** 16, d_sae: 2 ** 24 }

/** The variants of SAEs that this is not. */
const required = {
  architecture: ['standard', undefined],
  activation_fn_str: ['relu', undefined],
  activation_fn: ['relu', undefined],
  normalize_activations: ['none', undefined],
  finetuning_scaling_factor: [false, undefined],
  hook_head_index: [null, undefined],
  prepend_bos: [true, undefined], // every text begins with BOS here
}

/** The sites whose activations are the residual stream; elsewhere, widths, means and directions are others'. */
const STREAM = /^blocks\.\d+\.hook_resid_(pre|mid|post)$/

/**
 * Reads a SAELens `cfg.json`. Fields that differ between releases and change nothing here are not read.
 * @throws naming the field, what it holds and what is expected
 */
export function parseSaeConfig(json: string, label = 'cfg.json'): SaeConfig {
  const fields = new JsonFields(json, label)
  fields.require(required)
  const hookName = fields.text('hook_name')
  if (!STREAM.test(hookName))
    throw new Error(
      `${label}: hook_name is "${hookName}", but only SAEs of the residual stream can be run: ` +
        'blocks.N.hook_resid_pre, hook_resid_mid or hook_resid_post; take an SAE of one of these',
    )
  return {
    dIn: fields.integer('d_in', { max: MOST.d_in }),
    dSae: fields.integer('d_sae', { max: MOST.d_sae }),
    hookName,
    centered: fields.object('model_from_pretrained_kwargs').flag('center_writing_weights', false),
    subtractsDecoderBias: fields.flag('apply_b_dec_to_input', true),
    modelName: fields.text('model_name', 'unknown'),
  }
}

/** In words, for the table beside every result. */
export function describeBasis({ centered }: Pick<SaeConfig, 'centered'>): string {
  return centered ? 'residual stream minus its mean over d_model' : 'residual stream as it is'
}
