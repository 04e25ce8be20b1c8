import type { Backend } from '../../engine/backend.ts'
import { positiveEntries, toDense } from '../../engine/sparse.ts'
import { Tensor } from '../../engine/tensor.ts'
import { reference } from './backends.ts'
import { hostOps, type HostOps } from './host-ops.ts'
import { randomTensor } from './random.ts'

const shape = [3, 20]

/** Numbers with a special one in the middle row. */
function withSpecial(special: number): Tensor {
  const x = randomTensor(shape, 1, 2)
  x.row(1)[7] = special
  return x
}

type Case = (host: HostOps, special: number) => Promise<Tensor>

const [weight, bias] = [randomTensor([20], 2, 1, 1), randomTensor([20], 3)]
const matrix = randomTensor([20, 12], 4)
const odd = randomTensor([20, 11], 5)
const text = [{ queries: 3, keys: 3 }]

/** Each op on numbers of which one is NaN or an infinity. */
export const specialCases: Readonly<Record<string, Case>> = {
  'embed, from a table': (host, special) => host.embedFromTable(withSpecial(special), [2, 1, 0]),
  'embed, from a layer': (host, special) =>
    host.embedFromLinear({ weight: withSpecial(special), transposed: true }, [2, 1, 0]),
  takeRows: (host, special) => host.takeRows(withSpecial(special), [2, 1, 0]),
  layerNorm: (host, special) => host.layerNorm(withSpecial(special), weight, bias, 1e-5),
  'linear, four outputs a thread': (host, special) =>
    host.linear(withSpecial(special), { weight: matrix, bias: matrix.rows(0, 1).reshape([12]) }),
  'linear, one output a thread': (host, special) => host.linear(withSpecial(special), { weight: odd }),
  'linear with GELU': (host, special) =>
    host.linear(withSpecial(special), { weight: matrix }, { activation: 'gelu' }),
  'linear with ReLU': (host, special) =>
    host.linear(withSpecial(special), { weight: matrix }, { activation: 'relu' }),
  'linear, in the weights': (host, special) => {
    const x = randomTensor([3, 3], 6)
    x.row(1)[1] = 0 // infinity times 0 is NaN
    return host.linear(x, { weight: withSpecial(special) })
  },
  add: (host, special) => host.add(withSpecial(special), weight),
  'subtract, from itself': (host, special) => host.subtract(withSpecial(special), withSpecial(special)),
  gelu: (host, special) => host.gelu(withSpecial(special)),
  geluErf: (host, special) => host.geluErf(withSpecial(special)),
  relu: (host, special) => host.relu(withSpecial(special)),
  center: (host, special) => host.center(withSpecial(special)),
  softmax: (host, special) => host.softmax(withSpecial(special)),
  crossEntropy: async (host, special) =>
    (await host.crossEntropy(withSpecial(special), [3, 7, 9])).reshape([3, 1]),
  'crossEntropy, beside the target': async (host, special) =>
    (await host.crossEntropy(withSpecial(special), [3, 8, 9])).reshape([3, 1]),
  'klDivergence, in a': async (host, special) =>
    (await host.klDivergence(withSpecial(special), randomTensor(shape, 7))).reshape([3, 1]),
  'klDivergence, in b': async (host, special) =>
    (await host.klDivergence(randomTensor(shape, 7), withSpecial(special))).reshape([3, 1]),
  attentionPattern: async (host, special) => {
    const pattern = await host.attentionPattern(withSpecial(special), randomTensor(shape, 7), 2, text)
    return pattern.reshape([6, 3])
  },
  meanRows: (host, special) => host.meanRows(withSpecial(special), [1, 2]),
  'attention, in q': (host, special) =>
    host.attention(withSpecial(special), randomTensor(shape, 7), randomTensor(shape, 8), 2, text),
  'attention, in k': (host, special) =>
    host.attention(randomTensor(shape, 7), withSpecial(special), randomTensor(shape, 8), 2, text),
  'attention, in v': (host, special) =>
    host.attention(randomTensor(shape, 7), randomTensor(shape, 8), withSpecial(special), 2, text),
  'topK, the largest alone': async (host, special) => {
    const found = await host.topK(withSpecial(special), 1)
    return Tensor.of(
      [3, 2],
      found.flatMap(({ values, indices }) => [...values, ...indices]),
    )
  },
  topK: async (host, special) => {
    const found = await host.topK(withSpecial(special), 4)
    return Tensor.of(
      [3, 4],
      found.flatMap(({ values }) => [...values]),
    )
  },
  sparseEncode: async (host, special) =>
    toDense(await host.sparseEncode(withSpecial(special), { weight: matrix })),
  'sparseEncode, the largest': async (host, special) =>
    toDense(
      await host.sparseEncode(withSpecial(special), { weight: matrix, selection: { keep: 'largest', k: 3 } }),
    ),
  'sparseDecode, in the values': async (host, special) => {
    const dense = withSpecial(special)
    return host.sparseDecode(positiveEntries(dense), matrix, matrix.rows(0, 1).reshape([12]))
  },
  'sparseDecode, in the table': async (host, special) =>
    host.sparseDecode(positiveEntries(randomTensor([2, 3], 6)), withSpecial(special), bias),
}

/** Ops whose sums of exponentials a GPU may take for infinite where they are NaN: exp(NaN) is not NaN everywhere. */
const anyNaN = new Set(['softmax', 'attentionPattern'])
/** Of those, one that gives one number per row: infinite then. */
const notFinite = new Set(['crossEntropy', 'crossEntropy, beside the target'])

/**
 * Holds a case to the reference for NaN and both infinities: the same NaN, the same infinities, and finite numbers
 * within 1e-4. On a GPU, where the reference's softmax has NaN all over a row, there is at least one, and a cross entropy is not finite.
 * @throws where they differ
 */
export async function checkSpecials(ops: Backend, name: string, { gpu }: { gpu: boolean }): Promise<void> {
  for (const special of [NaN, Infinity, -Infinity]) {
    const expected = await specialCases[name](hostOps(reference), special)
    const got = await specialCases[name](hostOps(ops), special)
    for (let r = 0; r < expected.shape[0]; r++) {
      const [wanted, row] = [expected.row(r), got.row(r)]
      const agrees =
        gpu && anyNaN.has(name) && wanted.some(Number.isNaN)
          ? row.some(Number.isNaN)
          : gpu && notFinite.has(name) && wanted.some(Number.isNaN)
            ? !row.some(Number.isFinite)
            : wanted.every((value, i) => isSame(row[i], value))
      if (!agrees)
        throw new Error(
          `${name} on ${special}: row ${r} is ${row.join()}, the reference has ${wanted.join()}`,
        )
    }
  }
}

function isSame(got: number, expected: number): boolean {
  return Number.isFinite(expected) ? Math.abs(got - expected) <= 1e-4 : Object.is(got, expected)
}
