import * as fc from 'fast-check'
import { GPU, type IKernelFunctionThis } from 'gpu.js'
import { Tensor } from '../../../engine/tensor.ts'
import { sourceOf } from '../../../engine/weights/weights.ts'
import { rows, size } from '../cases.ts'
import { exercise } from '../exercise.ts'
import { byReference } from '../reference.ts'

type Cell = (this: IKernelFunctionThis, a: number[][], b: number[][], inner: number) => number

/** C = A B as a kernel of gpu.js: one thread for each number of C. */
function byKernel(cell: Cell) {
  return (a: number[][], b: number[][], inner: number): number[][] => {
    const gpu = new GPU({ mode: 'cpu' })
    const kernel = gpu.createKernel(cell, { output: [b[0].length, a.length] })
    const out = (kernel(a, b, inner) as Float32Array[]).map((row) => Array.from(row))
    void gpu.destroy()
    return out
  }
}

/** What a kernel gives, without compiling it. */
const as =
  (cell: (a: number[][], b: number[][], x: number, y: number) => number) => (a: number[][], b: number[][]) =>
    a.map((_, y) => b[0].map((_, x) => cell(a, b, x, y)))

export const gpuKernel = exercise({
  name: 'gpu-kernel',
  title: 'A matrix product on a thousand threads',
  difficulty: 2,
  minutes: 20,
  read: ['engine/gpujs/linear.ts', 'engine/gpujs/README.md'],
  predict:
    'How many numbers does each thread read for one number of C, and how many of those does its neighbour read again?',
  answer:
    '2 * inner, and half of them: threads of one row share the row of A. That is why faster kernels give a thread four numbers of C, and read each number of A once for all four.',
  hints: [
    'this.thread.x is the column of C, this.thread.y the row: the first entry of `output` is the width.',
    'One number of C is a dot product of `inner` numbers: a row of A and a column of B. A kernel is translated by its text: use plain loops, no array methods.',
  ],
  exported: 'cell',
  parameters: ['a', 'b', 'inner'],
  cases: fc.tuple(size, size, size).chain(([m, k, n]) => fc.tuple(rows(m, k), rows(k, n), fc.constant(k))),
  call: (written) => byKernel(written as unknown as Cell),
  right: (a: number[][], b: number[][], _inner: number) =>
    byReference(async (ops, upload) =>
      ops.linear(
        upload(a),
        await ops.prepareLinear(sourceOf('b', Tensor.of([b.length, b[0].length], b.flat()))),
      ),
    ),
  mistakes: {
    'x and y are swapped: this.thread.x counts columns, this.thread.y rows.': as((a, b, x, y) =>
      a[x].reduce((sum, value, k) => sum + value * b[k][y], 0),
    ),
    'The last product is left out: k runs to inner - 1, both included.': as((a, b, x, y) =>
      a[y].slice(0, -1).reduce((sum, value, k) => sum + value * b[k][x], 0),
    ),
    'Only one product is made: the loop over k is missing.': as((a, b, x, y) => a[y][0] * b[0][x]),
  },
})
