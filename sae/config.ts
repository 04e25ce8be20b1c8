/** What an SAE says of itself: where it was trained, and on which basis. */
export interface SaeConfig {
  readonly dIn: number // width of the stream it reads
  readonly dSae: number // number of features
  /** The activation it was trained on, e.g. `blocks.6.hook_resid_pre`. Another one gives numbers without meaning. */
  readonly hookName: string
  /** Whether the stream's mean over d_model was taken out before training (`center_writing_weights`). */
  readonly centered: boolean
  /** Whether b_dec is subtracted from the input. */
  readonly subtractsDecoderBias: boolean
  readonly prependsBos: boolean
  readonly modelName: string
}

/** What this implementation computes; anything else would give wrong numbers without a sound. */
const required: Record<string, readonly unknown[]> = {
  architecture: ['standard', undefined],
  activation_fn_str: ['relu', undefined],
  activation_fn: ['relu', undefined],
  normalize_activations: ['none', undefined],
  finetuning_scaling_factor: [false, undefined],
  hook_head_index: [null, undefined],
}

/**
 * Reads a SAELens `cfg.json`. Fields that differ between releases and change nothing here are not read.
 * @throws naming the field, what it holds and what is expected
 */
export function parseSaeConfig(json: string, label = 'cfg.json'): SaeConfig {
  let fields: Record<string, unknown>
  try {
    fields = JSON.parse(json) as Record<string, unknown>
  } catch (error) {
    throw new Error(`${label}: not valid JSON: ${(error as Error).message}`, { cause: error })
  }
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields))
    throw new Error(`${label}: expected a JSON object of SAE settings`)
  for (const [name, accepted] of Object.entries(required))
    if (!accepted.includes(fields[name]))
      throw new Error(
        `${label}: ${name} is ${JSON.stringify(fields[name])}, but only ${JSON.stringify(accepted[0])} is implemented`,
      )
  const field = <T>(name: string, type: string, accept: (value: unknown) => boolean, otherwise?: T): T => {
    const value = fields[name] ?? otherwise
    if (!accept(value)) throw new Error(`${label}: ${name} must be ${type}, got ${JSON.stringify(value)}`)
    return value as T
  }
  const isSize = (value: unknown) => Number.isInteger(value) && (value as number) > 0
  const isFlag = (value: unknown) => typeof value === 'boolean'
  const isName = (value: unknown) => typeof value === 'string' && value !== ''
  const modelOptions = field<{ center_writing_weights?: unknown }>(
    'model_from_pretrained_kwargs',
    'an object',
    (value) => typeof value === 'object' && value !== null,
    {},
  )
  return {
    dIn: field('d_in', 'a whole number from 1', isSize),
    dSae: field('d_sae', 'a whole number from 1', isSize),
    hookName: field('hook_name', 'the name of a hook', isName),
    centered: modelOptions.center_writing_weights === true,
    subtractsDecoderBias: field('apply_b_dec_to_input', 'true or false', isFlag, true),
    prependsBos: field('prepend_bos', 'true or false', isFlag, true),
    modelName: field('model_name', 'a name', isName, 'unknown'),
  }
}

/** In words, for the table beside every result. */
export function describeBasis({ centered }: SaeConfig): string {
  return centered ? 'residual stream minus its mean over d_model' : 'residual stream as it is'
}
