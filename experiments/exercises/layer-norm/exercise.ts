import * as fc from 'fast-check'
import { sourceOf } from '../../../engine/weights/weights.ts'
import { row, size } from '../cases.ts'
import { exercise } from '../exercise.ts'
import { byReference, tensorOf } from '../reference.ts'

/** Large enough to be seen: GPT-2's is 1e-5. */
const EPS = 0.01

interface Variant {
  readonly outside?: boolean
  readonly unbiased?: boolean
  readonly uncentered?: boolean
  readonly bare?: boolean
}

function layerNormAs(x: number[], weight: number[], bias: number[], variant: Variant): number[] {
  const mean = variant.uncentered ? 0 : x.reduce((sum, value) => sum + value, 0) / x.length
  const squares = x.reduce((sum, value) => sum + (value - mean) ** 2, 0)
  const variance = squares / (variant.unbiased ? x.length - 1 : x.length)
  const deviation = variant.outside ? Math.sqrt(variance) + EPS : Math.sqrt(variance + EPS)
  return x.map(
    (value, i) =>
      ((value - mean) / deviation) * (variant.bare ? 1 : weight[i]) + (variant.bare ? 0 : bias[i]),
  )
}

const as = (variant: Variant) => (x: number[], weight: number[], bias: number[]) =>
  layerNormAs(x, weight, bias, variant)

export const layerNorm = exercise({
  name: 'layer-norm',
  title: 'Give a row mean 0 and variance 1',
  difficulty: 1,
  minutes: 10,
  read: ['engine/reference/layer-norm.ts', 'gpt2/norm.ts'],
  predict: 'What comes out of a row of equal numbers, and what would come out without eps?',
  answer:
    'The bias: every number equals the mean, so nothing is left. Without eps it is 0 / 0, which is NaN. That is what eps is for.',
  hints: [
    'The variance is the mean of (x - mean) squared: divide by the number of numbers, not by one less.',
    'eps = 0.01 stands inside the root: (x - mean) / sqrt(variance + eps), then times weight, plus bias.',
  ],
  exported: 'layerNorm',
  parameters: ['x', 'weight', 'bias'],
  cases: size.chain((width) => fc.tuple(row(width), row(width), row(width))),
  right: async (x: number[], weight: number[], bias: number[]) => {
    const [normed] = await byReference(async (ops, upload) => {
      const norm = await ops.prepareNorm(
        sourceOf('weight', tensorOf(...weight)),
        sourceOf('bias', tensorOf(...bias)),
      )
      return ops.layerNorm(upload([x]), norm, EPS)
    })
    return normed
  },
  mistakes: {
    'eps stands outside the root: it belongs to the variance, sqrt(variance + eps).': as({ outside: true }),
    'The variance is divided by one less than the number of numbers. LayerNorm divides by all of them.': as({
      unbiased: true,
    }),
    'The mean is not subtracted: this is RMSNorm, which later models use.': as({ uncentered: true }),
    'weight and bias are left out.': as({ bare: true }),
  },
})
