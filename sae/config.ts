// The cfg.json of an SAE.
import { JsonFields } from '../engine/weights/json-fields.ts'
import { architectureOf, architectures, type ArchitectureName } from './architectures/all.ts'
import type { Normalisation } from './normalise.ts'
import { siteNames, siteOf } from './sites.ts'

/** What an SAE is, where it was trained, and on which basis. */
export interface SaeConfig {
  readonly architecture: ArchitectureName
  readonly dIn: number // width of what it reads
  readonly dSae: number // number of features
  readonly dOut: number // width of what it rebuilds: d_in except for transcoders
  /** Where it was trained, e.g. `blocks.6.hook_resid_pre`. At another hook its numbers would mean nothing. */
  readonly hookName: string
  /** What it rebuilds: the same hook, except for transcoders. */
  readonly hookNameOut: string
  /** The attention head that it reads, if it reads only one. */
  readonly headIndex?: number
  /** Whether a stream's mean over d_model was subtracted before training (`center_writing_weights`). */
  readonly centered: boolean
  /** Whether b_dec is subtracted from the input. */
  readonly subtractsDecoderBias: boolean
  readonly normalisation: Normalisation
  /** What every input is multiplied by (`expected_average_only_in`); 1: nothing. */
  readonly inputScale: number
  /** How many features TopK keeps. */
  readonly k?: number
  /** Whether activations are multiplied by the norms of their decoder rows before TopK chooses among them. */
  readonly scalesByDecoderNorm: boolean
  readonly modelName: string
}

/** A standard SAE of one hook, whose inputs are not normalised. */
export function plainConfig(
  given: Pick<SaeConfig, 'dIn' | 'dSae' | 'hookName' | 'centered' | 'modelName'>,
): SaeConfig {
  return {
    ...given,
    architecture: 'standard',
    dOut: given.dIn,
    hookNameOut: given.hookName,
    subtractsDecoderBias: true,
    normalisation: 'none',
    inputScale: 1,
    scalesByDecoderNorm: false,
  }
}

/** The limit of each size, far above any SAE that fits a machine. */
const MOST = { d_in: 2 ** 16, d_out: 2 ** 16, d_sae: 2 ** 24 }

/** What SAELens 6 moved into `metadata`; before, all fields stood side by side. Only fields that affect numbers are read. */
export const MOVED: readonly string[] = [
  ...['model_name', 'hook_name', 'hook_name_out', 'hook_head_index', 'hook_point', 'prepend_bos'],
  ...['model_class_name', 'model_from_pretrained_kwargs', 'seqpos_slice'],
]

/** Variants of the model behind the SAE that are not supported here. */
const requiredAbout = {
  prepend_bos: [true, null, undefined], // every text begins with BOS here
  model_class_name: ['HookedTransformer', 'HookedSAETransformer', 'TransformerBridge', null, undefined], // hooks have their names
  seqpos_slice: [[null], [null, null], [null, null, null], null, undefined], // every position is read
  hook_head_index_out: [null, undefined],
}

/** Older layouts' other names for the activation function. */
const ACTIVATIONS = ['activation_fn', 'activation_fn_str']

/**
 * Reads a SAELens `cfg.json`: of version 6 and later (with `metadata`), of 3 to 5, or older (`hook_point`, ...). Fields that change
 * nothing here are ignored.
 * @throws naming the field, what it holds and what is expected
 */
export const parseSaeConfig = (json: string, label = 'cfg.json'): SaeConfig =>
  readSaeConfig(new JsonFields(json, label))

/** The same from parsed fields, which record what was not read. */
export function readSaeConfig(fields: JsonFields): SaeConfig {
  const about = aboutOf(fields)
  about.require(requiredAbout)
  fields.require({ finetuning_scaling_factor: [false, null, undefined] })
  const architecture = architectureIn(fields)
  const { transcodes, hasK } = architectureOf({ architecture })
  const { hookName, hookNameOut, headIndex } = hooksIn(about, transcodes)
  const size = (name: keyof typeof MOST) => fields.integer(name, { max: MOST[name] })
  const [dIn, dSae] = [size('d_in'), size('d_sae')]
  if (transcodes) fields.require({ apply_b_dec_to_input: [false] }) // b_dec is as wide as the output
  const reshapes = siteOf(hookName)?.holds === 'heads' ? ['none', 'hook_z', undefined] : ['none', undefined]
  fields.require({ reshape_activations: reshapes })
  return {
    architecture,
    dIn,
    dSae,
    dOut: transcodes ? size('d_out') : dIn,
    hookName,
    hookNameOut,
    headIndex,
    centered: centeringIn(about, hookName),
    subtractsDecoderBias: fields.flag('apply_b_dec_to_input', true),
    ...normalisationIn(fields),
    k: hasK ? kIn(fields, dSae) : undefined,
    scalesByDecoderNorm: hasK ? fields.flag('rescale_acts_by_decoder_norm', false) : false,
    modelName: about.text('model_name', 'unknown'),
  }
}

/** The fields that say what an SAE was trained on. */
function aboutOf(fields: JsonFields): JsonFields {
  if (!fields.has('metadata')) return fields
  for (const name of MOVED)
    // beside metadata SAELens reads none of them
    if (fields.has(name))
      throw new Error(`${fields.label}: ${name} stands beside metadata, expected it inside: move it there`)
  return fields.object('metadata')
}

function architectureIn(fields: JsonFields): ArchitectureName {
  const names = Object.keys(architectures) as ArchitectureName[]
  const architecture = fields.choice('architecture', names, 'standard')
  const activation = fields.choice(fields.alias(ACTIVATIONS), ['relu', 'topk'], 'relu')
  if (activation === 'topk') fields.require({ architecture: ['standard', 'topk', undefined] })
  return activation === 'topk' ? 'topk' : architecture
}

/** Since SAELens 6 beside the sizes, before among the activation function's arguments. */
function kIn(fields: JsonFields, dSae: number): number {
  const holder = fields.has('k') ? fields : fields.object('activation_fn_kwargs')
  return holder.integer('k', { max: dSae })
}

function hooksIn(about: JsonFields, transcodes = false) {
  const name = about.alias(['hook_name', 'hook_point'])
  const hookName = siteIn(about, name)
  const hookNameOut = transcodes ? siteIn(about, 'hook_name_out') : hookName
  if (!transcodes) about.require({ hook_name_out: ['', hookName, null, undefined] })
  const [from, to] = [siteOf(hookName)!, siteOf(hookNameOut)!]
  if (transcodes && !(from.order < to.order && to.holds === 'stream'))
    throw about.wrong('hook_name_out', `a hook of the stream that comes after ${hookName}`)
  if (!transcodes && from.holds === 'normalized') throw about.wrong(name, 'it of a transcoder alone')
  const headName = about.alias(['hook_head_index', 'hook_point_head_index'])
  if (from.holds !== 'heads' || transcodes) about.require({ [headName]: [null, undefined] })
  const headIndex = about.has(headName) ? about.integer(headName, { min: 0 }) : undefined
  return { hookName, hookNameOut, headIndex }
}

function siteIn(about: JsonFields, name: string): string {
  const hook = about.text(name)
  if (!siteOf(hook)) throw about.wrong(name, `one of ${siteNames}`)
  return hook
}

/** How the model was changed when it was loaded for training. Changes that do not affect our hooks are not checked. */
const HARMLESS = ['center_unembed', 'fold_ln', 'dtype', 'device', 'n_devices', 'move_to_device']

function centeringIn(about: JsonFields, hookName: string): boolean {
  const how = about.object('model_from_pretrained_kwargs')
  const known = [
    'center_writing_weights',
    'fold_value_biases',
    'refactor_factored_attn_matrices',
    ...HARMLESS,
  ]
  how.only(known)
  if (siteOf(hookName)?.holds === 'heads')
    // other values and products of heads than the checkpoint's
    how.require({
      fold_value_biases: [false, undefined],
      refactor_factored_attn_matrices: [false, undefined],
    })
  return how.flag('center_writing_weights', false)
}

function normalisationIn(fields: JsonFields): Pick<SaeConfig, 'normalisation' | 'inputScale'> {
  const kinds = [
    'none',
    'layer_norm',
    'constant_norm_rescale',
    'expected_average_only_in',
    true,
    false,
  ] as const
  const kind = fields.choice('normalize_activations', kinds, 'none')
  if (kind === 'layer_norm' || kind === 'constant_norm_rescale') return { normalisation: kind, inputScale: 1 }
  if (kind === 'none' || kind === false) return { normalisation: 'none', inputScale: 1 }
  if (!fields.has('norm_scaling_factor'))
    throw fields.wrong(
      'norm_scaling_factor',
      `the number that inputs are multiplied by, as normalize_activations is ${JSON.stringify(kind)}; ` +
        'it stands with the release (in SAELens’ registry): write it here',
    )
  return { normalisation: 'none', inputScale: fields.positive('norm_scaling_factor') }
}

/** The basis in words, for the table beside every result. */
export function describeBasis({
  centered,
  hookName,
  headIndex,
  normalisation = 'none',
}: Pick<SaeConfig, 'centered'> & Partial<SaeConfig>): string {
  const holds = hookName === undefined ? 'stream' : siteOf(hookName)?.holds
  const byToken = normalisation === 'none' ? '' : `, each token’s normalised (${normalisation})`
  if (headIndex !== undefined) return `z of attention head ${headIndex}${byToken}`
  if (holds === 'heads') return `z of all attention heads side by side${byToken}`
  if (holds === 'normalized') return `normalised stream before ln_2’s weight and bias${byToken}`
  return (centered ? 'residual stream minus its mean over d_model' : 'residual stream as it is') + byToken
}
