// Which weights of a model are trained, and how they are turned back into a checkpoint's tensors.
import type { Backend } from '../../engine/backend.ts'
import { rulesOf, type TrainedWeights } from '../../engine/backward.ts'
import { Tensor } from '../../engine/tensor.ts'
import type { Gpt2Weights } from '../weights.ts'

/** Every prepared weight by the name of its tensors in a checkpoint, c_attn's three parts each by itself. */
function namedParameters({ wte, lm_head, wpe, blocks, ln_f }: Gpt2Weights): [name: string, TrainedWeights][] {
  return [
    ['wte', wte],
    ...(lm_head === wte ? [] : [['lm_head', lm_head] as [string, TrainedWeights]]),
    ['wpe', wpe],
    ...blocks.flatMap(({ ln_1, attn, ln_2, mlp }, layer): [string, TrainedWeights][] => [
      [`h.${layer}.ln_1`, ln_1],
      [`h.${layer}.attn.c_attn`, attn.q],
      [`h.${layer}.attn.c_attn`, attn.k],
      [`h.${layer}.attn.c_attn`, attn.v],
      [`h.${layer}.attn.c_proj`, attn.c_proj],
      [`h.${layer}.ln_2`, ln_2],
      [`h.${layer}.mlp.c_fc`, mlp.c_fc],
      [`h.${layer}.mlp.c_proj`, mlp.c_proj],
    ]),
    ['ln_f', ln_f],
  ]
}

export function parametersOf(weights: Gpt2Weights): TrainedWeights[] {
  return namedParameters(weights).map(([, parameter]) => parameter)
}

/** The weights as they are now, under their names in a checkpoint. */
export async function readParameters(ops: Backend, weights: Gpt2Weights): Promise<Map<string, Tensor>> {
  const tensors = new Map<string, Tensor>()
  const join = (name: string, part: Tensor) => {
    const before = tensors.get(name)
    tensors.set(name, before ? sideBySide(before, part) : part)
  }
  for (const [name, parameter] of namedParameters(weights)) {
    const { weight, bias } = await rulesOf(ops).readWeights(parameter)
    if (parameter === weights.wte || parameter === weights.lm_head)
      tensors.set(`${name}.weight`, turned(weight))
    else {
      join(`${name}.weight`, weight)
      if (bias) join(`${name}.bias`, bias)
    }
  }
  return tensors
}

/** [rows, a] and [rows, b] -> [rows, a + b]; vectors are joined end to end */
function sideBySide(a: Tensor, b: Tensor): Tensor {
  const [left, right] = [a, b].map(({ shape }) => shape[shape.length - 1])
  const joined = Tensor.zeros([...a.shape.slice(0, -1), left + right])
  for (let row = 0; row * left < a.data.length; row++) {
    joined.data.set(a.data.subarray(row * left, (row + 1) * left), row * (left + right))
    joined.data.set(b.data.subarray(row * right, (row + 1) * right), row * (left + right) + left)
  }
  return joined
}

function turned(x: Tensor): Tensor {
  const [rows, width] = x.shape
  const out = Tensor.zeros([width, rows])
  for (let r = 0; r < rows; r++)
    for (let c = 0; c < width; c++) out.data[c * rows + r] = x.data[r * width + c]
  return out
}
