// A neuron's card: where it is active in the text, and what its output direction says about the next token.
import { Tensor } from '../../../engine/tensor.ts'
import { capture, type Gpt2 } from '../../../gpt2/model.ts'
import { logitLens } from '../../lab/analysis/features/directions.ts'
import type { NeuronRef } from '../../lab/models/changes.ts'
import type { NeuronCard } from '../protocol.ts'
import { checkEdit } from './edit-hooks.ts'
import type { Model } from './model.ts'
import { tokenize } from './tokens.ts'

/** How many promoted and how many suppressed tokens. */
const TOKENS = 10

/** @throws Fault if there is no such neuron, or the text is too long */
export async function readNeuron(
  model: Model,
  text: string,
  { layer, neuron }: NeuronRef,
): Promise<NeuronCard> {
  checkEdit(model, [{ kind: 'neuron', layer, neuron }])
  const { gpt2 } = model
  const hook = `blocks.${layer}.mlp.hook_post`
  const post = (await capture(gpt2, [tokenize(model, text)], [hook])).get(hook)!
  const [lens] = await logitLens(gpt2, await outputDirection(gpt2, layer, neuron), TOKENS)
  const named = (tokens: typeof lens.promoted) =>
    tokens.map(({ id, logit }) => ({ id, token: model.nameOf(id), logit }))
  return {
    ...{ layer, neuron },
    values: Float32Array.from({ length: post.shape[0] }, (_, token) => post.row(token)[neuron]),
    promoted: named(lens.promoted),
    suppressed: named(lens.suppressed),
  }
}

/** The neuron's row of c_proj: what one unit of its activation adds to the stream. -> [1, dModel] */
async function outputDirection(
  { ops, weights, config }: Gpt2,
  layer: number,
  neuron: number,
): Promise<Tensor> {
  const inputs = Tensor.zeros([2, config.dMlp]) // the neuron alone, and nothing but the bias
  inputs.row(0)[neuron] = 1
  const out = await ops.download(await ops.linear(ops.upload(inputs), weights.blocks[layer].mlp.c_proj))
  return Tensor.of(
    [1, config.dModel],
    out.row(0).map((value, i) => value - out.row(1)[i]),
  )
}
