// Every op of the interface as a case: the sizes of GPT-2 small and of an SAE of 24,576 features.
import type { Backend, DeviceTensor, TextSpan } from '../../engine/backend.ts'
import { positiveEntries } from '../../engine/sparse.ts'
import { Tensor, type Shape } from '../../engine/tensor.ts'
import { sourceOf } from '../../engine/weights/weights.ts'
import { numbers } from '../numbers.ts'
import type { Cost } from '../rows.ts'
import type { Case } from './case.ts'

const [dModel, dMlp, heads, vocabulary, features] = [768, 3072, 12, 50257, 24576]

/** Bytes of so many float32 numbers. */
const moved = (...counts: number[]): number => 4 * counts.reduce((sum, count) => sum + count, 0)

/** Every op at `tokens` tokens, on numbers of its own. */
export function opCases(tokens: number): Case[] {
  const stream = [tokens, dModel]
  const size = tokens * dModel
  const text: TextSpan[] = [{ queries: tokens, keys: tokens }]
  /** An op on one uploaded tensor. */
  const unary = (
    work: string,
    shape: Shape,
    cost: Cost,
    op: (ops: Backend, x: DeviceTensor) => Promise<DeviceTensor>,
  ): Case => ({
    work,
    shape: shape.join('x'),
    cost,
    async prepare(ops) {
      const x = ops.upload(numbers(shape, 1))
      return (ops) => op(ops, x)
    },
  })
  const linear = (activation: 'none' | 'gelu', inputs: number, outputs: number): Case => ({
    work: activation === 'gelu' ? 'linear + GELU' : 'linear',
    shape: `${tokens}x${inputs}x${outputs}`,
    cost: {
      flops: 2 * tokens * inputs * outputs,
      bytes: moved(tokens * inputs, inputs * outputs, tokens * outputs),
    },
    async prepare(ops) {
      const weight = sourceOf('weight', numbers([inputs, outputs], 2, 0.05))
      const layer = await ops.prepareLinear(weight, sourceOf('bias', numbers([outputs], 3)))
      const x = ops.upload(numbers([tokens, inputs], 1))
      return (ops) => ops.linear(x, layer, { activation })
    },
  })
  return [
    {
      work: 'embed',
      shape: stream.join('x'),
      cost: { flops: 0, bytes: moved(size, size) },
      async prepare(ops) {
        const table = await ops.prepareTable(sourceOf('table', numbers([4096, dModel], 1)))
        const ids = Array.from({ length: tokens }, (_, t) => (t * 61) % 4096)
        return (ops) => ops.embed(table, ids)
      },
    },
    {
      work: 'layerNorm',
      shape: stream.join('x'),
      cost: { flops: 8 * size, bytes: moved(size, size) },
      async prepare(ops) {
        const [weight, bias] = [numbers([dModel], 2, 1, 1), numbers([dModel], 3)]
        const norm = await ops.prepareNorm(sourceOf('weight', weight), sourceOf('bias', bias))
        const x = ops.upload(numbers(stream, 1))
        return (ops) => ops.layerNorm(x, norm, 1e-5)
      },
    },
    linear('none', dModel, dModel),
    linear('gelu', dModel, dMlp),
    linear('none', dMlp, dModel),
    {
      work: 'attention',
      shape: `${tokens}x${tokens}x${dModel}`,
      cost: { flops: 4 * tokens * tokens * dModel, bytes: moved(4 * size) },
      async prepare(ops) {
        const [q, k, v] = [1, 2, 3].map((seed) => ops.upload(numbers(stream, seed)))
        return (ops) => ops.attention(q, k, v, heads, text)
      },
    },
    {
      work: 'append',
      shape: `${tokens}+1x${dModel}`,
      cost: { flops: 0, bytes: moved(size, size) },
      async prepare(ops) {
        const [before, row] = [ops.upload(numbers(stream, 1)), ops.upload(numbers([1, dModel], 2))]
        return async (ops) => {
          const cache = ops.createCache(tokens + 1, dModel)
          await ops.append(cache, before)
          const last = await ops.takeRows(await ops.append(cache, row), [tokens])
          ops.release(cache)
          return last
        }
      },
    },
    unary('add', stream, { flops: size, bytes: moved(3 * size) }, (ops, x) => ops.add(x, x)),
    unary('gelu', [tokens, dMlp], { flops: 0, bytes: moved(8 * size) }, (ops, x) => ops.gelu(x)),
    unary('center', stream, { flops: 2 * size, bytes: moved(2 * size) }, (ops, x) => ops.center(x)),
    unary('softmax', stream, { flops: 0, bytes: moved(2 * size) }, (ops, x) => ops.softmax(x)),
    unary('takeRows', stream, { flops: 0, bytes: moved(2 * size) }, (ops, x) =>
      ops.takeRows(
        x,
        Array.from({ length: tokens }, (_, t) => tokens - 1 - t),
      ),
    ),
    unary('meanRows', stream, { flops: size, bytes: moved(size, dModel) }, (ops, x) =>
      ops.meanRows(x, [tokens]),
    ),
    {
      work: 'topK 10',
      shape: `1x${vocabulary}`,
      cost: { flops: 0, bytes: moved(vocabulary) },
      async prepare(ops) {
        const x = ops.upload(numbers([1, vocabulary], 1))
        return async (ops) => ops.upload(new Tensor([1, 10], (await ops.topK(x, 10))[0].values))
      },
    },
    {
      work: 'sparseEncode',
      shape: `${tokens}x${dModel}x${features}`,
      cost: {
        flops: 2 * size * features,
        bytes: moved(size, dModel * features, tokens * features),
      },
      async prepare(ops) {
        // 2.8 standard deviations below zero leave about 60 of 24,576 features active
        const bias = numbers([features], 3, 0, -2.8 * 0.05 * Math.sqrt(dModel / 9))
        const weight = sourceOf('W_enc', numbers([dModel, features], 2, 0.05))
        const layer = await ops.prepareLinear(weight, sourceOf('b_enc', bias))
        const x = ops.upload(numbers(stream, 1))
        return (ops) => ops.sparseEncode(x, layer)
      },
    },
    {
      work: 'sparseDecode',
      shape: `${tokens}x${features}x${dModel}`,
      cost: { flops: 2 * 60 * size, bytes: moved(60 * size, size) },
      async prepare(ops) {
        const table = await ops.prepareTable(sourceOf('W_dec', numbers([features, dModel], 2, 0.05)))
        const bias = ops.upload(numbers([dModel], 3))
        const active = positiveEntries(numbers([tokens, features], 1, 1, -1 + 120 / features)) // about 60 a row
        return (ops) => ops.sparseDecode(active, table, bias)
      },
    },
  ]
}
