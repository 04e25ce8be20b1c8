import * as fc from 'fast-check'
import { rows, size } from '../cases.ts'
import { Tensor } from '../../../engine/tensor.ts'
import { sourceOf } from '../../../engine/weights/weights.ts'
import { exercise } from '../exercise.ts'
import { byReference } from '../reference.ts'

type Product = (a: Float32Array, b: Float32Array, m: number, k: number, n: number) => Float32Array

function plain(a: Float32Array, b: Float32Array, m: number, k: number, n: number): Float32Array {
  const c = new Float32Array(m * n)
  for (let i = 0; i < m; i++)
    for (let j = 0; j < n; j++) {
      let sum = 0
      for (let l = 0; l < k; l++) sum += a[i * k + l] * b[l * n + j]
      c[i * n + j] = sum
    }
  return c
}

/** The rows of what a product of flat arrays gives. */
const inRows = (product: Product) => (a: number[][], b: number[][]) => {
  const [m, k, n] = [a.length, b.length, b[0].length]
  const c = product(Float32Array.from(a.flat()), Float32Array.from(b.flat()), m, k, n)
  if (!(c instanceof Float32Array) || c.length !== m * n) return Array.from(c ?? [])
  return Array.from({ length: m }, (_, i) => Array.from(c.subarray(i * n, (i + 1) * n)))
}

const SIZE = 256
const REPEATS = 7

/** Median milliseconds of a product of two square matrices. */
function timeOf(product: Product): number {
  const [a, b] = [0, 1].map((s) => Float32Array.from({ length: SIZE * SIZE }, (_, i) => Math.sin(i + s)))
  const times = Array.from({ length: REPEATS }, () => {
    const start = performance.now()
    product(a, b, SIZE, SIZE, SIZE)
    return performance.now() - start
  })
  return times.sort((a, b) => a - b)[REPEATS >> 1]
}

export const product = exercise({
  name: 'product',
  title: 'A faster matrix product',
  difficulty: 3,
  minutes: 40,
  read: ['bench/kernels/ladder.ts', 'bench/kernels/tiled.ts', 'engine/wasm/linear.ts'],
  predict: 'The three loops can stand in six orders, with the same products. Does the order matter?',
  answer:
    'A lot. With the inner loop over columns, B and C are read and written side by side, which memory does fastest. With the inner loop over k, each number of B is n numbers further on.',
  hints: [
    'Put the loop over columns innermost: for each i and l add a[i, l] times row l of B to row i of C.',
    'Each number of C is now read and written once for every product that goes into it. How many rows of B at a time would make that rarer?',
  ],
  exported: 'product',
  parameters: ['a', 'b'],
  cases: fc.tuple(size, size, size).chain(([m, k, n]) => fc.tuple(rows(m, k), rows(k, n))),
  call: (written) => inRows(written as unknown as Product),
  right: (a: number[][], b: number[][]) =>
    byReference(async (ops, upload) =>
      ops.linear(
        upload(a),
        await ops.prepareLinear(sourceOf('b', Tensor.of([b.length, b[0].length], b.flat()))),
      ),
    ),
  mistakes: {
    'The rows that are left over after the last full group are not computed.': inRows((a, b, m, k, n) => {
      const c = plain(a, b, m, k, n)
      return c.fill(0, (m - (m % 4)) * n)
    }),
    'B is read as if it were stored the other way round: b[l, j] lies at l * n + j.': inRows(
      (a, b, m, k, n) => {
        const turned = b.map((_, at) => b[(at % n) * k + Math.floor(at / n)])
        return plain(a, turned, m, k, n)
      },
    ),
  },
  async afterwards(written) {
    const [yours, loops] = [timeOf(written as unknown as Product), timeOf(plain)]
    const ratio = (loops / yours).toFixed(1)
    return `${SIZE} x ${SIZE} x ${SIZE}: ${yours.toFixed(1)} ms, ${ratio} times as fast as three plain loops (${loops.toFixed(1)} ms). Can you make it 3 times? npm run bench -- kernels shows how far it goes.`
  },
})
