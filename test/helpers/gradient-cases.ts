// Each op, and each way in which it can be used, as its gradients are tested on every backend.
import fc from 'fast-check'
import type { GradientCase } from './gradients.ts'

type Sizes = readonly [rows: number, width: number, other: number]
export const sizes = (most: number) => fc.integer({ min: 1, max: most })

/** Two texts: all rows are queries, or the second one's are the last of more keys. */
const spans = (rows: number, past: number) => [
  { queries: rows, keys: rows },
  { queries: 1, keys: 1 + past },
]

/** Each op, and each way in which it can be used; by rows, width and another size. */
export const gradientCases: Readonly<Record<string, (...sizes: Sizes) => GradientCase>> = {
  'embed from a table, a row twice': (rows, width) => ({
    table: [rows, width],
    run: (tape, { table }) => tape.embed(table, [0, rows - 1, 0]),
  }),
  'embed from a linear layer, a column twice': (rows, width) => ({
    linear: { in: width, out: rows },
    run: (tape, { linear }) => tape.embed(linear, [0, rows - 1, 0]),
  }),
  layerNorm: (rows, width) => ({
    x: [[rows, width]],
    norm: width,
    run: (tape, { x, norm }) => tape.layerNorm(x[0], norm, 1e-2),
  }),
  linear: (rows, width, other) => ({
    x: [[rows, width]],
    linear: { in: width, out: other },
    run: (tape, { x, linear }) => tape.linear(x[0], linear),
  }),
  'linear, stored transposed': (rows, width, other) => ({
    x: [[rows, width]],
    linear: { in: width, out: other, transposed: true },
    run: (tape, { x, linear }) => tape.linear(x[0], linear),
  }),
  'linear with GELU and a residual': (rows, width, other) => ({
    x: [
      [rows, width],
      [rows, other],
    ],
    linear: { in: width, out: other },
    run: (tape, { x, linear }) => tape.linear(x[0], linear, { activation: 'gelu', residual: x[1] }),
  }),
  'linear with ReLU and a residual': (rows, width, other) => ({
    x: [
      [rows, width],
      [rows, other],
    ],
    linear: { in: width, out: other },
    run: (tape, { x, linear }) => tape.linear(x[0], linear, { activation: 'relu', residual: x[1] }),
  }),
  'linear, with a residual that is its input': (rows, width) => ({
    x: [[rows, width]],
    linear: { in: width, out: width },
    run: (tape, { x, linear }) => tape.linear(x[0], linear, { residual: x[0] }),
  }),
  'a tied embedding: read by column, then multiplied with': (rows, width) => ({
    linear: { in: width, out: rows, transposed: true },
    run: async (tape, { linear }) => tape.linear(await tape.embed(linear, [0, rows - 1, 0]), linear),
  }),
  attention: (rows, width, past) => ({
    x: [
      [rows + 1, 2 * width],
      [rows + 1 + past, 2 * width],
      [rows + 1 + past, 2 * width],
    ],
    run: (tape, { x: [q, k, v] }) => tape.attention(q, k, v, 2, spans(rows, past)),
  }),
  'attention of one tensor with itself': (rows, width) => ({
    x: [[rows, width]],
    run: (tape, { x: [x] }) => tape.attention(x, x, x, 1, [{ queries: rows, keys: rows }], 0.7),
  }),
  attentionPattern: (rows, width, past) => ({
    x: [
      [rows + 1, 3 * width],
      [rows + 1 + past, 3 * width],
    ],
    run: (tape, { x: [q, k] }) => tape.attentionPattern(q, k, 3, spans(rows, past)),
  }),
  attentionMix: (rows, width, past) => ({
    x: [
      [2, rows + 1, Math.max(rows, 1 + past)],
      [rows + 1 + past, 2 * width],
    ],
    run: (tape, { x: [pattern, v] }) => tape.attentionMix(pattern, v, 2, spans(rows, past)),
  }),
  add: (rows, width) => ({
    x: [
      [rows, width],
      [rows, width],
    ],
    run: (tape, { x }) => tape.add(x[0], x[1]),
  }),
  'add, a row to each row': (rows, width) => ({
    x: [[rows, width], [width]],
    run: (tape, { x }) => tape.add(x[0], x[1]),
  }),
  'add, a tensor to itself': (rows, width) => ({
    x: [[rows, width]],
    run: (tape, { x }) => tape.add(x[0], x[0]),
  }),
  subtract: (rows, width) => ({
    x: [
      [rows, width],
      [rows, width],
    ],
    run: (tape, { x }) => tape.subtract(x[0], x[1]),
  }),
  'subtract, a row from each row': (rows, width) => ({
    x: [[rows, width], [width]],
    run: (tape, { x }) => tape.subtract(x[0], x[1]),
  }),
  gelu: (rows, width) => ({ x: [[rows, width]], run: (tape, { x }) => tape.gelu(x[0]) }),
  geluErf: (rows, width) => ({ x: [[rows, width]], run: (tape, { x }) => tape.geluErf(x[0]) }),
  relu: (rows, width) => ({ x: [[rows, width]], run: (tape, { x }) => tape.relu(x[0]) }),
  center: (rows, width) => ({ x: [[rows, width]], run: (tape, { x }) => tape.center(x[0]) }),
  softmax: (rows, width) => ({ x: [[rows, width]], run: (tape, { x }) => tape.softmax(x[0]) }),
  crossEntropy: (rows, width, other) => ({
    x: [[rows, width]],
    run: (tape, { x }) =>
      tape.crossEntropy(
        x[0],
        Array.from({ length: rows }, (_, row) => (row * other) % width),
      ),
  }),
  klDivergence: (rows, width) => ({
    x: [
      [rows, width],
      [rows, width],
    ],
    run: (tape, { x }) => tape.klDivergence(x[0], x[1]),
  }),
  'takeRows, one twice': (rows, width) => ({
    x: [[rows, width]],
    run: (tape, { x }) => tape.takeRows(x[0], [rows - 1, 0, rows - 1]),
  }),
  meanRows: (rows, width, other) => ({
    x: [[rows + other, width]],
    run: (tape, { x }) => tape.meanRows(x[0], [rows, other]),
  }),
  'reshape, and what it was made from': (rows, width) => ({
    x: [[rows, width]],
    async run(tape, { x }) {
      const turned = await tape.gelu(tape.reshape(x[0], [width, rows]))
      return tape.add(tape.reshape(turned, [rows, width]), x[0])
    },
  }),
  preActivations: (rows, width, other) => ({
    x: [[rows, width]],
    encoder: { in: width, out: other, keep: 'positive' },
    run: (tape, { x, encoder }) => tape.preActivations(x[0], encoder),
  }),
  ...Object.fromEntries(
    (['positive', 'above', 'largest'] as const).map((keep) => [
      `sparseEncode of what is ${keep}, sparseDecode`,
      (rows: number, width: number, other: number): GradientCase => ({
        x: [[rows, width], [width]],
        encoder: { in: width, out: other, keep },
        table: [other, width],
        run: async (tape, { x, encoder, table }) =>
          tape.sparseDecode(await tape.sparseEncode(x[0], encoder), table, x[1]),
      }),
    ]),
  ),
  'sparse rows scaled, and decoded twice': (rows, width, other) => ({
    x: [[rows, width], [width]],
    encoder: { in: width, out: other, keep: 'positive' },
    table: [other, width],
    async run(tape, { x, encoder, table }) {
      const features = await tape.sparseEncode(x[0], encoder)
      const scaled = await tape.scaleEntries(features, (row, index) => (index % 2 === 0 ? 0 : row - 1.5))
      const [all, part] = [features, scaled].map((f) => tape.sparseDecode(f, table, x[1]))
      return tape.add(await all, await part)
    },
  }),
}
