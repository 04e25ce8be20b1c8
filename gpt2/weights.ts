// The weights of a checkpoint, by name.
import type { Backend, Linear, Norm, Table } from '../engine/backend.ts'
import { freedOnFailure } from '../engine/scope.ts'
import { finiteSource, selectTensors } from '../engine/weights/named-weights.ts'
import type { Shape } from '../engine/tensor.ts'
import { columnsOf, type WeightSource, type WeightStore } from '../engine/weights/weights.ts'
import type { Gpt2Config } from './config.ts'

/** One block's weights; the fields have their names in the checkpoint. */
export interface BlockWeights {
  readonly ln_1: Norm
  /** c_attn's three parts of columns, and c_proj, which adds the heads' results into the stream. */
  readonly attn: { readonly q: Linear; readonly k: Linear; readonly v: Linear; readonly c_proj: Linear }
  readonly ln_2: Norm
  readonly mlp: { readonly c_fc: Linear; readonly c_proj: Linear }
}

export interface Gpt2Weights {
  /** The token embedding, stored once: read by row on the way in, multiplied with on the way out. */
  readonly wte: Linear // [dModel, dVocab], stored [dVocab, dModel]
  readonly wpe: Table // [nCtx, dModel]
  readonly blocks: readonly BlockWeights[]
  readonly ln_f: Norm
}

/** Every tensor of a GPT-2 checkpoint and its shape. `c_*` weights are [in, out] (OpenAI's Conv1D). */
export function weightShapes({ nLayers, dModel, dMlp, nCtx, dVocab }: Gpt2Config): Map<string, Shape> {
  const shapes = new Map<string, Shape>()
  const add = (name: string, weight: Shape): void => {
    shapes.set(`${name}.weight`, weight)
    shapes.set(`${name}.bias`, weight.slice(-1))
  }
  shapes.set('wte.weight', [dVocab, dModel])
  shapes.set('wpe.weight', [nCtx, dModel])
  for (let layer = 0; layer < nLayers; layer++) {
    add(`h.${layer}.ln_1`, [dModel])
    add(`h.${layer}.attn.c_attn`, [dModel, 3 * dModel])
    add(`h.${layer}.attn.c_proj`, [dModel, dModel])
    add(`h.${layer}.ln_2`, [dModel])
    add(`h.${layer}.mlp.c_fc`, [dModel, dMlp])
    add(`h.${layer}.mlp.c_proj`, [dMlp, dModel])
  }
  add('ln_f', [dModel])
  return shapes
}

/** Tensors of public checkpoints that are no weights: the causal mask's buffers, and wte's second name. */
const ignored = /^(h\.\d+\.attn\.(bias|masked_bias)|lm_head\.weight)$/

/**
 * Loads a checkpoint onto a backend, tensor by tensor, straight into the memory it is used from.
 * Names may carry the prefix `transformer.`.
 * @throws naming tensors that are missing, unknown, of another shape, or that hold NaN or infinity; nothing stays loaded
 */
export async function loadWeights(
  ops: Backend,
  store: WeightStore,
  config: Gpt2Config,
  onTensor: (name: string) => void = () => {},
): Promise<Gpt2Weights> {
  const tensors = selectTensors(store, weightShapes(config), { prefix: 'transformer.', ignored })
  const source = (name: string): WeightSource => {
    onTensor(name)
    return finiteSource(store.label, tensors.get(name)!)
  }
  return freedOnFailure(
    (part: Linear | Table | Norm) => ops.release(part),
    async (keep) => {
      const norm = async (name: string) =>
        keep(await ops.prepareNorm(source(`${name}.weight`), source(`${name}.bias`)))
      const linear = async (name: string) =>
        keep(await ops.prepareLinear(source(`${name}.weight`), source(`${name}.bias`)))

      const wte = keep(await ops.prepareLinear(source('wte.weight'), undefined, { transposed: true }))
      const wpe = keep(await ops.prepareTable(source('wpe.weight')))
      const blocks: BlockWeights[] = []
      for (let layer = 0; layer < config.nLayers; layer++) {
        const [weight, bias] = [
          source(`h.${layer}.attn.c_attn.weight`),
          source(`h.${layer}.attn.c_attn.bias`),
        ]
        const part = async (index: number) => {
          const [from, to] = [index * config.dModel, (index + 1) * config.dModel]
          return keep(await ops.prepareLinear(columnsOf(weight, from, to), columnsOf(bias, from, to)))
        }
        blocks.push({
          ln_1: await norm(`h.${layer}.ln_1`),
          attn: {
            q: await part(0),
            k: await part(1),
            v: await part(2),
            c_proj: await linear(`h.${layer}.attn.c_proj`),
          },
          ln_2: await norm(`h.${layer}.ln_2`),
          mlp: { c_fc: await linear(`h.${layer}.mlp.c_fc`), c_proj: await linear(`h.${layer}.mlp.c_proj`) },
        })
      }
      return { wte, wpe, blocks, ln_f: await norm('ln_f') }
    },
  )
}

/** Frees what loadWeights prepared. */
export function releaseWeights(ops: Backend, weights: Gpt2Weights): void {
  for (const { ln_1, attn, ln_2, mlp } of weights.blocks)
    for (const part of [ln_1, attn.q, attn.k, attn.v, attn.c_proj, ln_2, mlp.c_fc, mlp.c_proj])
      ops.release(part)
  for (const part of [weights.wte, weights.wpe, weights.ln_f]) ops.release(part)
}
