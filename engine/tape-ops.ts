// The ops of a tape: each computes what the inner backend computes, and notes its rule.
import type { Backend, DeviceTensor } from './backend.ts'
import type { Backward, WeightGradient, Weights } from './backward.ts'
import { checkElementwise, checkLinear } from './checks.ts'
import type { Gradient } from './gradients.ts'
import { scaleGradient, type SparseRows } from './sparse.ts'
import { matrixShape } from './tensor.ts'

export type Made = DeviceTensor | SparseRows

/** What a rule is given beside the gradient of its op's output. */
interface Pull {
  readonly ops: Backend
  readonly rules: Backward
  /** Whether the gradient of the op's input number `i` is wanted. */
  readonly wants: (i: number) => boolean
  /** Where the gradient of the op's weights is added, if it is wanted. */
  readonly weights: WeightGradient | undefined
}

/** One op that was run. */
export interface Step {
  readonly made: Made
  readonly from: readonly Made[]
  readonly weights?: Weights
  /** A gradient for each of `from`; those that are not wanted may be left out. dY: a Float32Array for sparse rows. */
  readonly rule: (dY: never, pull: Pull) => Promise<readonly (Gradient | undefined)[]>
}

/** Records a step and returns its output. `saved`: the tensors whose numbers the rule will need. */
type Note = <M extends Made>(step: Step & { readonly made: M }, saved?: readonly DeviceTensor[]) => M

type Moves = 'upload' | 'download' | 'reshape' | 'scope' | 'release' | 'dispose'
type Preparations = 'prepareLinear' | 'prepareEncoder' | 'prepareTable' | 'prepareNorm' | 'createCache'
type Ops = Omit<Backend, 'name' | 'mode' | 'screening' | Moves | Preparations>
type Rule = (dY: DeviceTensor, pull: Pull) => Promise<(Gradient | undefined)[]>

/** `checkKnown` refuses sparse rows that the tape does not know. */
export function recordedOps(
  inner: Backend,
  note: Note,
  checkKnown: (op: string, x: SparseRows) => void,
): Ops {
  const elementwise = async (op: 'add' | 'subtract', a: DeviceTensor, b: DeviceTensor) => {
    const made = await inner[op](a, b)
    const { broadcast } = checkElementwise(op, a, b)
    const rule: Rule = async (dY, { ops, rules, wants }) => {
      if (!wants(1)) return [dY]
      const sum = broadcast ? await rules.sumRows(dY) : dY
      return [dY, op === 'add' ? sum : await ops.subtract(rules.zeros(sum.shape, sum), sum)]
    }
    return note({ made, from: [a, b], rule })
  }

  const ops: Ops = {
    async embed(table, ids) {
      const rule: Rule = async (dY, { rules, weights }) => {
        if (weights) await rules.embed(dY, table, ids, weights)
        return []
      }
      return note({ made: await inner.embed(table, ids), from: [], weights: table, rule })
    },
    async layerNorm(x, norm, eps) {
      const rule: Rule = async (dY, { rules, weights }) => [await rules.layerNorm(dY, x, norm, eps, weights)]
      return note({ made: await inner.layerNorm(x, norm, eps), from: [x], weights: norm, rule }, [x])
    },
    /** In steps, because an activation's rule needs what went into it; the bits are those of the fused op. */
    async linear(x, layer, { activation = 'none', residual } = {}) {
      checkLinear(x, layer, residual)
      const y = await inner.linear(x, layer)
      const rule: Rule = async (dY, { rules, wants, weights }) => {
        if (weights) await rules.linearWeights(dY, x, weights)
        return wants(0) ? [await rules.linear(dY, layer)] : []
      }
      note({ made: y, from: [x], weights: layer, rule }, [x])
      const active = activation === 'none' ? y : await ops[activation](y)
      return residual ? ops.add(active, residual) : active
    },
    /** The pattern is computed again on the way back: it is much larger than q, k and v. */
    async attention(q, k, v, heads, texts, scale) {
      const rule: Rule = async (dY, { ops, rules }) => {
        const pattern = await ops.attentionPattern(q, k, heads, texts, scale)
        const [dP, dV] = await rules.attentionMix(dY, pattern, v, heads, texts)
        return [...(await rules.attentionPattern(dP, pattern, q, k, heads, texts, scale)), dV]
      }
      return note({ made: await inner.attention(q, k, v, heads, texts, scale), from: [q, k, v], rule }, [
        q,
        k,
        v,
      ])
    },
    async attentionPattern(q, k, heads, texts, scale) {
      const made = await inner.attentionPattern(q, k, heads, texts, scale)
      const rule: Rule = (dP, { rules }) => rules.attentionPattern(dP, made, q, k, heads, texts, scale)
      return note({ made, from: [q, k], rule }, [made, q, k])
    },
    async attentionMix(pattern, v, heads, texts) {
      const rule: Rule = (dY, { rules }) => rules.attentionMix(dY, pattern, v, heads, texts)
      const made = await inner.attentionMix(pattern, v, heads, texts)
      return note({ made, from: [pattern, v], rule }, [pattern, v])
    },
    append: async () => {
      throw new Error('append on a tape: a cache has no gradients; run the text as a whole, without a cache')
    },
    add: (a, b) => elementwise('add', a, b),
    subtract: (a, b) => elementwise('subtract', a, b),
    async gelu(x) {
      const rule: Rule = async (dY, { rules }) => [await rules.gelu(dY, x)]
      return note({ made: await inner.gelu(x), from: [x], rule }, [x])
    },
    async geluErf(x) {
      const rule: Rule = async (dY, { rules }) => [await rules.geluErf(dY, x)]
      return note({ made: await inner.geluErf(x), from: [x], rule }, [x])
    },
    async relu(x) {
      const made = await inner.relu(x)
      const rule: Rule = async (dY, { rules }) => [await rules.relu(dY, made)]
      return note({ made, from: [x], rule }, [made])
    },
    async center(x) {
      const rule: Rule = async (dY, { ops }) => [await ops.center(dY)] // dx = dy - mean(dy)
      return note({ made: await inner.center(x), from: [x], rule })
    },
    async softmax(x) {
      const made = await inner.softmax(x)
      const rule: Rule = async (dY, { rules }) => [await rules.softmax(dY, made)]
      return note({ made, from: [x], rule }, [made])
    },
    async crossEntropy(x, targets) {
      const rule: Rule = async (dY, { rules }) => [await rules.crossEntropy(dY, x, targets)]
      return note({ made: await inner.crossEntropy(x, targets), from: [x], rule }, [x])
    },
    async klDivergence(a, b) {
      const rule: Rule = (dY, { rules }) => rules.klDivergence(dY, a, b)
      return note({ made: await inner.klDivergence(a, b), from: [a, b], rule }, [a, b])
    },
    async takeRows(x, indices) {
      const [rows] = matrixShape('takeRows', x.shape)
      const rule: Rule = async (dY, { rules }) => [await rules.takeRows(dY, indices, rows)]
      return note({ made: await inner.takeRows(x, indices), from: [x], rule })
    },
    async meanRows(x, lengths) {
      const rule: Rule = async (dY, { rules }) => [await rules.meanRows(dY, lengths)]
      return note({ made: await inner.meanRows(x, lengths), from: [x], rule })
    },
    topK: (x, k) => inner.topK(x, k),
    async preActivations(x, encoder) {
      const rule: Rule = async (dY, { rules, wants, weights }) => {
        if (weights) await rules.linearWeights(dY, x, weights)
        return wants(0) ? [await rules.linear(dY, encoder)] : []
      }
      const made = await inner.preActivations(x, encoder)
      return note({ made, from: [x], weights: encoder, rule }, [x])
    },
    /** What is kept passes its gradient on; which is kept is taken as given. */
    async sparseEncode(x, encoder) {
      const made = await inner.sparseEncode(x, encoder)
      const rule = async (dF: Float32Array, { rules, wants, weights }: Pull) => {
        if (weights) await rules.sparseEncodeWeights(dF, made, x, weights)
        return wants(0) ? [await rules.sparseEncode(dF, made, encoder)] : []
      }
      return note({ made, from: [x], weights: encoder, rule }, [x])
    },
    async scaleEntries(x, factor) {
      checkKnown('scaleEntries', x)
      const rule = async (dF: Float32Array) => [scaleGradient(dF, x, factor)]
      return note({ made: await inner.scaleEntries(x, factor), from: [x], rule })
    },
    async sparseDecode(x, table, bias) {
      checkKnown('sparseDecode', x)
      const rule: Rule = async (dY, { rules, wants, weights }) => {
        if (weights) await rules.sparseDecodeWeights(dY, x, weights)
        const dF = wants(0) ? await rules.sparseDecode(dY, x, table) : undefined
        return [dF, wants(1) ? await rules.sumRows(dY) : undefined]
      }
      return note({ made: await inner.sparseDecode(x, table, bias), from: [x, bias], weights: table, rule })
    },
  }
  return ops
}
