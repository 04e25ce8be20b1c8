// SAEs from before SAELens had files of its own, translated into its terms.
import { pickledFields } from '../engine/weights/pickle.ts'
import { stateDictStore } from '../engine/weights/torch-tensors.ts'
import { sourceOf, forEachRowBlock, readTensor, type WeightStore } from '../engine/weights/weights.ts'
import { Tensor } from '../engine/tensor.ts'

type Settings = Readonly<Record<string, unknown>>

/** Trained with TransformerLens' defaults: its loader had no options yet. */
const DEFAULTS = { model_from_pretrained_kwargs: { center_writing_weights: true } }

/**
 * Settings in the terms of a cfg.json: those of attention SAEs (`act_name`, Kissane et al. 2024), and of transcoders (`is_transcoder`,
 * Dunefsky et al. 2024); SAELens' stay as they are.
 */
export function cfgOf(settings: Settings): Settings {
  const { act_name, act_size, dict_size, is_transcoder, out_hook_point, hook_point, ...others } = settings
  if (act_name !== undefined)
    return {
      ...{ architecture: 'standard', d_in: act_size, d_sae: dict_size, hook_name: act_name },
      ...{ model_name: settings.model_name ?? 'gpt2-small', reshape_activations: 'hook_z' },
    }
  if (is_transcoder !== true) return settings
  return {
    ...DEFAULTS,
    ...others,
    ...{ architecture: 'transcoder', d_out: settings.d_out ?? settings.d_in, apply_b_dec_to_input: false },
    ...{ hook_name: hook_point, hook_name_out: out_hook_point },
  }
}

/** The configuration that stands beside a state dict in a file of torch or pickle, if one does. value: as `openTorchFile` gives it */
export function cfgInTorchFile(value: unknown): Settings | undefined {
  const fields = pickledFields(pickledFields(value)?.get('cfg'))
  if (!fields) return undefined
  const plain = [...fields].filter(([, field]) => field === null || typeof field !== 'object')
  return cfgOf({ ...DEFAULTS, ...Object.fromEntries(plain) })
}

/**
 * The tensors of such a file: of the state dict in it, or of the file if it is one. A transcoder that takes b_dec from its input
 * and adds b_dec_out gets SAELens' form, whose b_dec is added: b_enc - b_dec W_enc, and b_dec_out for b_dec.
 */
export function saeStateDict(label: string, value: unknown): WeightStore {
  const store = stateDictStore(label, pickledFields(value)?.get('state_dict') ?? value)
  if (!store.names().includes('b_dec_out')) return store
  return {
    ...store,
    names: () => store.names().filter((name) => name !== 'b_dec_out'),
    get(name) {
      if (name === 'b_dec') return { ...store.get('b_dec_out'), name }
      if (name !== 'b_enc') return store.get(name)
      let bias: Promise<Tensor> | undefined
      return {
        ...store.get(name),
        async read(into, start) {
          await sourceOf(name, await (bias ??= shiftedBias(store))).read(into, start)
        },
      }
    },
  }
}

/** b_enc - b_dec W_enc [d_sae], summed in float64. */
async function shiftedBias(store: WeightStore): Promise<Tensor> {
  const [b_enc, b_dec] = [await readTensor(store.get('b_enc')), await readTensor(store.get('b_dec'))]
  const bias = Float64Array.from(b_enc.data)
  const W_enc = store.get('W_enc') // [d_in, d_sae]
  await forEachRowBlock(W_enc, 2 ** 20, (rows, first, count) => {
    for (let row = 0; row < count; row++)
      for (let j = 0; j < bias.length; j++) bias[j] -= b_dec.data[first + row] * rows[row * bias.length + j]
  })
  return new Tensor(b_enc.shape, Float32Array.from(bias))
}
