// The bundled model on a rotated board: every reader and writer of the stream rotated by one function.
import { createBackend, defaultBackend } from '../../../engine/backends.ts'
import { createRandom } from '../../../engine/random.ts'
import { Tensor } from '../../../engine/tensor.ts'
import { memoryStore, readTensor } from '../../../engine/weights/weights.ts'
import type { Gpt2Config } from '../../../gpt2/config.ts'
import { textLosses } from '../../../gpt2/loss.ts'
import { loadGpt2, type Gpt2 } from '../../../gpt2/model.ts'
import { selectGpt2Tensors } from '../../../gpt2/weights.ts'
import { findModel } from '../../lab/models/model-source.ts'
import { openModel } from '../../lab/models/models.ts'
import { OWN_TEXTS, textsNamed } from '../../lab/texts/named-texts.ts'
import { tokenizeTexts } from '../../lab/texts/tokenize-texts.ts'
import { product, randomRotation, transposed, type Matrix, type Rotated } from './matrices.ts'

/** The layer whose neurons are rotated in the end. */
const LAYER = 3
/** Every so many of our own texts are read. */
const EVERY = 7

type Weights = Map<string, Matrix> // a vector is a matrix of one row

/** Mean losses in nats per token: of the model, of it rotated, and of it with the neurons of one layer rotated. */
export async function rotatedLosses(rotated: Rotated) {
  const ops = await createBackend(defaultBackend)
  try {
    const source = await findModel('tiny')
    const model = await openModel('tiny', ops, { quiet: true })
    const { ids } = tokenizeTexts(model, await textsNamed({ texts: OWN_TEXTS }))
    const texts = ids.filter((_, text) => text % EVERY === 0)
    const lossWith = async (weights: Weights) => {
      const tensors = new Map(
        [...weights].map(([name, rows]) => {
          const shape =
            name.endsWith('bias') || name.includes('ln_') ? [rows[0].length] : [rows.length, rows[0].length]
          return [name, Tensor.of(shape, rows.flat())]
        }),
      )
      return meanLoss(await loadGpt2(ops, memoryStore('rotated', tensors), source.config), texts)
    }
    const store = await source.weights()
    const weights: Weights = new Map()
    for (const [name, tensor] of selectGpt2Tensors(store, source.config, false)) {
      const read = await readTensor(tensor)
      const [count] = read.shape
      const isVector = read.shape.length === 1
      weights.set(
        name,
        isVector ? [[...read.data]] : Array.from({ length: count }, (_, r) => [...read.row(r)]),
      )
    }
    await store.close()
    return {
      before: await meanLoss(model.gpt2, texts),
      stream: await lossWith(onRotatedBoard(weights, source.config, rotated)),
      neurons: await lossWith(withRotatedNeurons(weights, source.config)),
    }
  } finally {
    await ops.dispose()
  }
}

async function meanLoss(gpt2: Gpt2, texts: readonly (readonly number[])[]): Promise<number> {
  const losses = await textLosses(gpt2, texts)
  return losses.reduce((sum, loss) => sum + loss, 0) / texts.reduce((sum, { length }) => sum + length - 1, 0)
}

/**
 * LayerNorm knows two things of the board's axes. Its weight goes into the matrix that reads after it, and its bias, divided by the
 * weight, is rotated. The mean of a row is left: the rotation has to keep the direction of equal numbers.
 */
function onRotatedBoard(weights: Weights, { nLayers, dModel }: Gpt2Config, rotated: Rotated): Weights {
  const R = randomRotation(dModel, createRandom(1), { mirrors: dModel, keepsMean: true })
  const turned = new Map(weights)
  const part = (norm: string, reader: string, writer: string, [W_in, W_out]: [Matrix, Matrix]) => {
    const [[scale], [shift]] = [weights.get(`${norm}.weight`)!, weights.get(`${norm}.bias`)!]
    const scaled = W_in.map((row, i) => row.map((value) => value * scale[i]))
    const [read, written] = rotated(scaled, W_out, R)
    turned.set(`${norm}.weight`, [scale.map(() => 1)])
    turned.set(`${norm}.bias`, product([shift.map((value, i) => value / scale[i])], R))
    turned.set(reader, reader === 'lm_head.weight' ? transposed(read) : read)
    turned.set(writer, written)
  }
  const both = (a: string, b: string): [Matrix, Matrix] => [weights.get(a)!, weights.get(b)!]
  for (let layer = 0; layer < nLayers; layer++)
    for (const [norm, read, write] of [
      ['ln_1', 'attn.c_attn', 'attn.c_proj'],
      ['ln_2', 'mlp.c_fc', 'mlp.c_proj'],
    ]) {
      const name = (part: string) => `h.${layer}.${part}`
      const names = [`${name(read)}.weight`, `${name(write)}.weight`] as const
      part(name(norm), ...names, both(...names))
      turned.set(`${name(write)}.bias`, product(weights.get(`${name(write)}.bias`)!, R))
    }
  const wte = weights.get('wte.weight')!
  part('ln_f', 'lm_head.weight', 'wte.weight', [transposed(wte), wte])
  return turned.set('wpe.weight', product(weights.get('wpe.weight')!, R))
}

/** c_fc S, and the inverse of S before c_proj: the same model, if GELU were not between them. */
function withRotatedNeurons(weights: Weights, { dMlp }: Gpt2Config): Weights {
  const S = randomRotation(dMlp, createRandom(1), { mirrors: 16, keepsMean: false })
  const name = (part: string) => `h.${LAYER}.mlp.${part}`
  return new Map(weights)
    .set(name('c_fc.weight'), product(weights.get(name('c_fc.weight'))!, S))
    .set(name('c_fc.bias'), product(weights.get(name('c_fc.bias'))!, S))
    .set(name('c_proj.weight'), product(transposed(S), weights.get(name('c_proj.weight'))!))
}
