// The weights of a checkpoint, by name.
import type { Backend, Linear, Norm, Table } from '../engine/backend.ts'
import { freedOnFailure } from '../engine/scope.ts'
import { finiteSource, selectTensors } from '../engine/weights/named-weights.ts'
import type { Shape, Tensor } from '../engine/tensor.ts'
import { columnsOf, readTensor, type WeightSource, type WeightStore } from '../engine/weights/weights.ts'
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
  /** The token embedding, read row by row on the way in. */
  readonly wte: Linear // [dModel, dVocab], stored [dVocab, dModel]
  /** The unembedding, which multiplies on the way out: wte itself, unless a checkpoint has another matrix. */
  readonly lm_head: Linear // [dModel, dVocab], stored [dVocab, dModel]
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

/** The same, with the unembedding if it is not the embedding matrix. */
export function allShapes(config: Gpt2Config): Map<string, Shape> {
  const shapes = weightShapes(config)
  if (config.untied) shapes.set(LM_HEAD, [config.dVocab, config.dModel])
  return shapes
}

const PREFIX = 'transformer.'
const LM_HEAD = 'lm_head.weight'

/** Tensors of public checkpoints that are not weights: the causal mask's buffers, and wte's second name. */
const ignored = /^(h\.\d+\.attn\.(bias|masked_bias)|lm_head\.weight)$/

/**
 * A checkpoint's tensors by their short names; `untied`: with an lm_head.weight.
 * @throws naming tensors that are missing, unknown or of another shape
 */
export function selectGpt2Tensors(
  store: WeightStore,
  config: Gpt2Config,
  untied: boolean,
): Map<string, WeightSource> {
  return selectTensors(store, allShapes({ ...config, untied }), { prefix: PREFIX, ignored })
}

/** How many numbers of each matrix are compared at once. */
const COMPARED = 2 ** 20

/**
 * Whether a checkpoint's `lm_head.weight` differs from `wte.weight`, whatever its config says, as in transformers 5.
 * @throws if the config says that there is an `lm_head.weight`, and there is none
 */
export async function hasOwnUnembedding(
  store: WeightStore,
  { untied, dModel, dVocab }: Pick<Gpt2Config, 'untied' | 'dModel' | 'dVocab'>,
): Promise<boolean> {
  const nameOf = (short: string) => [short, PREFIX + short].find((name) => store.names().includes(name))
  const [head, wte] = [nameOf(LM_HEAD), nameOf('wte.weight')]
  if (head === undefined) {
    if (!untied) return false
    throw new Error(
      `${store.label}: missing the tensor ${LM_HEAD}, which tie_word_embeddings false in config.json asks for`,
    )
  }
  const isLike = ({ shape }: WeightSource) => shape.length === 2 && shape[0] === dVocab && shape[1] === dModel
  const [own, shared] = [store.get(head), wte === undefined ? undefined : store.get(wte)]
  if (!shared || !isLike(own) || !isLike(shared)) return true // selectTensors says what is wrong
  const size = dVocab * dModel
  for (let start = 0; start < size; start += COMPARED) {
    const [a, b] = [own, shared].map(() => new Float32Array(Math.min(COMPARED, size - start)))
    await Promise.all([own.read(a, start), shared.read(b, start)])
    if (a.some((value, i) => value !== b[i])) return true
  }
  return false
}

/**
 * Loads a checkpoint onto a backend, tensor by tensor, straight into the memory it is used from.
 * Names may carry the prefix `transformer.`.
 * @throws naming tensors that are missing, unknown, of another shape, or that hold NaN or infinity; nothing stays loaded
 */
export async function loadWeights(
  ops: Backend,
  store: WeightStore,
  config: Gpt2Config,
  onTensor: (source: WeightSource) => void = () => {},
): Promise<Gpt2Weights> {
  const untied = await hasOwnUnembedding(store, config)
  const tensors = selectGpt2Tensors(store, config, untied)
  const source = (name: string): WeightSource => {
    const found = tensors.get(name)!
    onTensor(found)
    return finiteSource(store.label, found)
  }
  return freedOnFailure(
    (part: Linear | Table | Norm) => ops.release(part),
    async (keep) => {
      const norm = async (name: string) =>
        keep(await ops.prepareNorm(source(`${name}.weight`), source(`${name}.bias`)))
      const linear = async (name: string) =>
        keep(await ops.prepareLinear(source(`${name}.weight`), source(`${name}.bias`)))

      const embedding = async (name: string) =>
        keep(await ops.prepareLinear(source(name), undefined, { transposed: true }))
      const wte = await embedding('wte.weight')
      const lm_head = untied ? await embedding(LM_HEAD) : wte
      const wpe = keep(await ops.prepareTable(source('wpe.weight')))
      const blocks: BlockWeights[] = []
      for (let layer = 0; layer < config.nLayers; layer++) {
        // read once, then cut in three
        const whole = source(`h.${layer}.attn.c_attn.weight`)
        const [weight, bias] = [
          await readTensor(whole),
          await readTensor(source(`h.${layer}.attn.c_attn.bias`)),
        ]
        const part = async (index: number) => {
          const columns = (tensor: Tensor) =>
            columnsOf(whole.name, tensor, index * config.dModel, (index + 1) * config.dModel)
          return keep(await ops.prepareLinear(columns(weight), columns(bias)))
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
      return { wte, lm_head, wpe, blocks, ln_f: await norm('ln_f') }
    },
  )
}

/** Frees what loadWeights prepared. */
export function releaseWeights(ops: Backend, weights: Gpt2Weights): void {
  for (const { ln_1, attn, ln_2, mlp } of weights.blocks)
    for (const part of [ln_1, attn.q, attn.k, attn.v, attn.c_proj, ln_2, mlp.c_fc, mlp.c_proj])
      ops.release(part)
  for (const part of new Set([weights.wte, weights.lm_head, weights.wpe, weights.ln_f])) ops.release(part)
}
