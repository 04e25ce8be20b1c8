// Checks every kernel against the reference backend, before code of an experimental compiler flag is trusted.
import type { Backend, DeviceTensor } from '../backend.ts'
import type { Selection } from '../selection.ts'
import { createReferenceBackend } from '../reference/backend.ts'
import { positiveEntries, toDense } from '../sparse.ts'
import { Tensor, type Shape } from '../tensor.ts'
import { sourceOf } from '../weights/weights.ts'

/** Far above rounding on the small shapes below, far below what one lost or misplaced number does. */
const TOLERANCE = 1e-4

type Case = (ops: Backend) => Promise<DeviceTensor>

/**
 * Runs every kernel on shapes with all kinds of tails and compares the results with the reference backend's: what is required of
 * an experimental compiler flag before its code is trusted. A few milliseconds.
 * @throws naming the op whose numbers differ
 */
export async function selfCheck(ops: Backend): Promise<void> {
  const reference = createReferenceBackend()
  for (const [name, run] of cases()) {
    const expected = await reference.download(await run(reference))
    await ops.scope(async (inner) => {
      const got = await inner.download(await run(inner))
      const wrong = got.data.findIndex((value, i) => !near(value, expected.data[i]))
      if (wrong >= 0)
        throw new Error(
          `wasm self-check: ${name}: number ${wrong} is ${got.data[wrong]}, the reference says ${expected.data[wrong]}`,
        )
    })
  }
}

function near(got: number, expected: number): boolean {
  return Math.abs(got - expected) <= TOLERANCE * (1 + Math.abs(expected))
}

/** Rows from 1 to more than a tile has, K beyond a block of sums, columns beyond four panels and not whole vectors. */
const ROWS = [1, 2, 3, 4, 5, 6, 7]
const [INPUTS, OUTPUTS] = [131, 69]
/** A row of this many numbers has wide steps of eight vectors, a single vector and single numbers. */
const WIDTH = 39

function cases(): [name: string, run: Case][] {
  const x = waves([7, WIDTH], 1)
  const row = waves([WIDTH], 2)
  const texts = [
    { queries: 5, keys: 5 },
    { queries: 3, keys: 140 },
  ]
  const [q, k, v] = [waves([8, 2 * WIDTH], 3), waves([145, 2 * WIDTH], 4), waves([145, 2 * WIDTH], 5)]
  const table = waves([300, WIDTH], 6)
  const threshold = sourceOf('threshold', waves([OUTPUTS], 11))
  return [
    ...ROWS.map((rows): [string, Case] => [`linear of ${rows} rows`, (ops) => linearOf(ops, rows)]),
    ['attention', (ops) => ops.attention(ops.upload(q), ops.upload(k), ops.upload(v), 2, texts)],
    ['attentionPattern', (ops) => ops.attentionPattern(ops.upload(q), ops.upload(k), 2, texts)],
    ['attention of one token', attentionOfOne],
    ['layerNorm', async (ops) => layerNormOf(ops, x, row)],
    ['softmax', (ops) => ops.softmax(ops.upload(x))],
    ['crossEntropy', (ops) => ops.crossEntropy(ops.upload(x), [0, 5, 38, 1, 2, 3, 4])],
    ['klDivergence', (ops) => ops.klDivergence(ops.upload(x), ops.upload(waves([7, WIDTH], 11)))],
    ['topK', largestOf],
    ['center', (ops) => ops.center(ops.upload(x))],
    ['gelu', (ops) => ops.gelu(ops.upload(x))],
    ['geluErf', (ops) => ops.geluErf(ops.upload(x))],
    ['relu', (ops) => ops.relu(ops.upload(x))],
    ['add', (ops) => ops.add(ops.upload(x), ops.upload(row))],
    ['subtract', (ops) => ops.subtract(ops.upload(x), ops.upload(row))],
    ['meanRows', (ops) => ops.meanRows(ops.upload(x), [3, 4])],
    ['sparseEncode', (ops) => sparseEncodeOf(ops, -9)],
    ['sparseEncode, above thresholds', (ops) => sparseEncodeOf(ops, 0, { keep: 'above', threshold })],
    ['sparseEncode, the largest', (ops) => sparseEncodeOf(ops, 0, { keep: 'largest', k: 7 })],
    ['sparseDecode', (ops) => sparseDecodeOf(ops, table, row)],
  ]
}

/** One new token after more than a block of keys, whose heads are whole panels. */
function attentionOfOne(ops: Backend): Promise<DeviceTensor> {
  const [q, k, v] = [waves([1, 32], 12), waves([150, 32], 13), waves([150, 32], 14)].map((x) => ops.upload(x))
  return ops.attention(q, k, v, 2, [{ queries: 1, keys: 150 }])
}

async function linearOf(ops: Backend, rows: number): Promise<DeviceTensor> {
  const [weight, bias] = [
    sourceOf('weight', waves([INPUTS, OUTPUTS], 7)),
    sourceOf('bias', waves([OUTPUTS], 8)),
  ]
  const layer = await ops.prepareLinear(weight, bias)
  const x = ops.upload(waves([rows, INPUTS], 9))
  const relu = await ops.linear(x, layer, { activation: 'relu' })
  const out = await ops.linear(x, layer, { activation: 'gelu', residual: relu })
  ops.release(layer)
  return out
}

/** With a bias of -9 few enough outputs are positive for all rows to be screened; rows for whole tiles and parts of one. */
async function sparseEncodeOf(ops: Backend, bias: number, selection?: Selection): Promise<DeviceTensor> {
  const encoder = await ops.prepareEncoder(
    sourceOf('weight', waves([INPUTS, OUTPUTS], 7)),
    sourceOf('bias', new Tensor([OUTPUTS], new Float32Array(OUTPUTS).fill(bias))),
    selection,
  )
  const features = await ops.sparseEncode(ops.upload(waves([21, INPUTS], 9)), encoder)
  ops.release(encoder)
  return ops.upload(toDense(features))
}

/** The largest of rows of all lengths up to WIDTH. */
async function largestOf(ops: Backend): Promise<DeviceTensor> {
  const places = Tensor.zeros([WIDTH])
  for (let width = 1; width <= WIDTH; width++)
    places.data[width - 1] = (await ops.topK(ops.upload(waves([1, width], width)), 1))[0].indices[0]
  return ops.upload(places)
}

async function layerNormOf(ops: Backend, x: Tensor, row: Tensor): Promise<DeviceTensor> {
  const norm = await ops.prepareNorm(sourceOf('weight', row), sourceOf('bias', row))
  const out = await ops.layerNorm(ops.upload(x), norm, 1e-5)
  ops.release(norm)
  return out
}

async function sparseDecodeOf(ops: Backend, weight: Tensor, bias: Tensor): Promise<DeviceTensor> {
  const table = await ops.prepareTable(sourceOf('table', weight))
  const out = await ops.sparseDecode(positiveEntries(waves([3, 300], 10)), table, ops.upload(bias))
  ops.release(table)
  return out
}

/** Numbers between -1 and 1 without a pattern that a misplaced vector could hide in. */
function waves(shape: Shape, seed: number): Tensor {
  const tensor = Tensor.zeros(shape)
  for (let i = 0; i < tensor.data.length; i++) tensor.data[i] = Math.sin(seed + i * 12.9898 + i * i * 0.0123)
  return tensor
}
