// Every op of the interface as a case, at the sizes of GPT-2 small and of an SAE of 24,576 features.
import type { Backend, DeviceTensor } from '../../engine/backend.ts'
import { positiveEntries } from '../../engine/sparse.ts'
import { Tensor, type Shape } from '../../engine/tensor.ts'
import { sourceOf } from '../../engine/weights/weights.ts'
import { numbers } from '../numbers.ts'
import { makeCase, type OpCase } from './case.ts'

const [dModel, dMlp, heads, vocabulary, features] = [768, 3072, 12, 50257, 24576]

/** Every op at `tokens` tokens, on made-up numbers; before them, upload and download. */
export function opCases(tokens: number): OpCase[] {
  const stream = [tokens, dModel]
  const size = tokens * dModel
  const rows = Array.from({ length: tokens }, (_, t) => t)

  /** An op on one uploaded tensor. */
  const unary = (
    work: string,
    shape: Shape,
    flops: number,
    moved: number,
    op: (ops: Backend, x: DeviceTensor) => Promise<DeviceTensor>,
  ) =>
    makeCase(work, shape, flops, moved, async (ops) => {
      const x = ops.upload(numbers(shape, 1))
      return (ops) => op(ops, x)
    })

  const linear = (activation: 'none' | 'gelu', inputs: number, outputs: number) =>
    product(activation === 'gelu' ? 'linear + GELU' : 'linear', tokens, inputs, outputs, async (ops) => {
      const weight = sourceOf('weight', numbers([inputs, outputs], 2, 0.05))
      const layer = await ops.prepareLinear(weight, sourceOf('bias', numbers([outputs], 3)))
      const x = ops.upload(numbers([tokens, inputs], 1))
      return (ops) => ops.linear(x, layer, { activation })
    })

  return [
    makeCase('upload', stream, 0, size, async () => {
      const x = numbers(stream, 1)
      return async (ops) => ops.upload(x)
    }),
    makeCase('read back', [tokens, dMlp], 0, tokens * dMlp, async (ops) => {
      const before = ops.upload(numbers([tokens, dMlp], 1))
      const result = await ops.add(before, before)
      return () => ops.download(result)
    }),
    makeCase('embed', stream, 0, 2 * size, async (ops) => {
      const table = await ops.prepareTable(sourceOf('table', numbers([4096, dModel], 1)))
      const ids = rows.map((t) => (t * 61) % 4096)
      return (ops) => ops.embed(table, ids)
    }),
    makeCase('layerNorm', stream, 8 * size, 2 * size, async (ops) => {
      const [weight, bias] = [numbers([dModel], 2, 1, 1), numbers([dModel], 3)]
      const norm = await ops.prepareNorm(sourceOf('weight', weight), sourceOf('bias', bias))
      const x = ops.upload(numbers(stream, 1))
      return (ops) => ops.layerNorm(x, norm, 1e-5)
    }),
    linear('none', dModel, dModel),
    linear('gelu', dModel, dMlp),
    linear('none', dMlp, dModel),
    makeCase('attention', [tokens, tokens, dModel], 4 * tokens * size, 4 * size, async (ops) => {
      const [q, k, v] = [1, 2, 3].map((seed) => ops.upload(numbers(stream, seed)))
      return (ops) => ops.attention(q, k, v, heads, [{ queries: tokens, keys: tokens }])
    }),
    makeCase('append', [`${tokens}+1`, dModel], 0, 2 * size, async (ops) => {
      const [before, row] = [ops.upload(numbers(stream, 1)), ops.upload(numbers([1, dModel], 2))]
      return async (ops) => {
        const cache = ops.createCache(tokens + 1, dModel)
        await ops.append(cache, before)
        const last = await ops.takeRows(await ops.append(cache, row), [tokens])
        ops.release(cache)
        return last
      }
    }),
    unary('add', stream, size, 3 * size, (ops, x) => ops.add(x, x)),
    unary('gelu', [tokens, dMlp], 0, 8 * size, (ops, x) => ops.gelu(x)),
    unary('center', stream, 2 * size, 2 * size, (ops, x) => ops.center(x)),
    unary('softmax', stream, 0, 2 * size, (ops, x) => ops.softmax(x)),
    unary('takeRows', stream, 0, 2 * size, (ops, x) => ops.takeRows(x, rows.toReversed())),
    unary('meanRows', stream, size, size + dModel, (ops, x) => ops.meanRows(x, [tokens])),
    makeCase('topK 10', [1, vocabulary], 0, vocabulary, async (ops) => {
      const x = ops.upload(numbers([1, vocabulary], 1))
      return async (ops) => new Tensor([1, 10], (await ops.topK(x, 10))[0].values)
    }),
    product('sparseEncode', tokens, dModel, features, async (ops) => {
      // 2.8 standard deviations below zero leave about 60 of 24,576 features active
      const bias = numbers([features], 3, 0, -2.8 * 0.05 * Math.sqrt(dModel / 9))
      const weight = sourceOf('W_enc', numbers([dModel, features], 2, 0.05))
      const encoder = await ops.prepareEncoder(weight, sourceOf('b_enc', bias))
      const x = ops.upload(numbers(stream, 1))
      return (ops) => ops.sparseEncode(x, encoder)
    }),
    makeCase('sparseDecode', [tokens, features, dModel], 2 * 60 * size, 61 * size, async (ops) => {
      const table = await ops.prepareTable(sourceOf('W_dec', numbers([features, dModel], 2, 0.05)))
      const bias = ops.upload(numbers([dModel], 3))
      const active = positiveEntries(numbers([tokens, features], 1, 1, -1 + 120 / features)) // about 60 per row
      return (ops) => ops.sparseDecode(active, table, bias)
    }),
  ]
}

/** x [tokens, inputs] x W [inputs, outputs], each number moved once. */
function product(
  work: string,
  tokens: number,
  inputs: number,
  outputs: number,
  prepare: OpCase['prepare'],
): OpCase {
  const moved = tokens * inputs + inputs * outputs + tokens * outputs
  return makeCase(work, [tokens, inputs, outputs], 2 * tokens * inputs * outputs, moved, prepare)
}
