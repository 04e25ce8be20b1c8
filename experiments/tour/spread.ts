// How far scores spread within a row, before and after scaling: with random queries and keys, and in the bundled model's heads.
import { createRandom, type Random } from '../../engine/random.ts'
import { softmaxRow } from '../../engine/reference/softmax.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { captureStreams } from '../lab/models/features.ts'
import type { OpenModel } from '../lab/models/models.ts'
import { OWN_TEXTS, textsNamed } from '../lab/texts/named-texts.ts'
import { tokenizeTexts } from '../lab/texts/tokenize-texts.ts'

/** One in this many of our own texts is read. */
const EVERY = 7
/** Rows with fewer keys have no spread to speak of. */
const LEAST_KEYS = 8
/** How many random rows, and how many keys in each. */
const [ROWS, KEYS] = [200, 32]

export interface Spread {
  readonly dHead: number
  /** Standard deviation of q . k within a row, and of the scores: root mean square over rows. */
  readonly before: number
  readonly after: number
  /** The largest share of a row, on average: as it is, and if q . k were not scaled. */
  readonly share: number
  readonly unscaled: number
}

/** -> of random numbers of variance 1, by width; of the model, by layer and head */
export async function spreads(model: OpenModel): Promise<{ random: Spread[]; layers: Spread[][] }> {
  const { nLayers, nHeads } = model.gpt2.config
  const random = createRandom(1)
  const { ids } = tokenizeTexts(model, await textsNamed({ texts: OWN_TEXTS }))
  const texts = ids.filter((_, text) => text % EVERY === 0)
  const names = Array.from({ length: nLayers }, (_, layer) =>
    ['q', 'k'].map((name) => `blocks.${layer}.attn.hook_${name}`),
  )
  const seen = await captureStreams(model.gpt2, texts, names.flat())
  return {
    random: [8, 32, 128].map((dHead) => spreadOf(randomRows(dHead, random), dHead)),
    layers: names.map(([q, k]) =>
      Array.from({ length: nHeads }, (_, head) =>
        spreadOf(rowsOf(seen.get(q)!, seen.get(k)!, head, texts), model.gpt2.config.dHead),
      ),
    ),
  }
}

/** q . k of each query with the keys up to its own. q, k [tokens, heads, dHead] */
function rowsOf(q: Tensor, k: Tensor, head: number, texts: readonly (readonly number[])[]): number[][] {
  const [, heads, dHead] = q.shape
  const rows: number[][] = []
  let first = 0
  for (const { length } of texts) {
    for (let query = LEAST_KEYS - 1; query < length; query++)
      rows.push(
        Array.from({ length: query + 1 }, (_, key) => {
          const [atQ, atK] = [first + query, first + key].map((token) => (token * heads + head) * dHead)
          let dot = 0
          for (let i = 0; i < dHead; i++) dot += q.data[atQ + i] * k.data[atK + i]
          return dot
        }),
      )
    first += length
  }
  return rows
}

/** Uniform numbers of variance 1 lie between -sqrt(3) and sqrt(3). */
function randomRows(dHead: number, random: Random): number[][] {
  const vector = () => Array.from({ length: dHead }, () => (2 * random.number() - 1) * Math.sqrt(3))
  return Array.from({ length: ROWS }, () => {
    const q = vector()
    return Array.from({ length: KEYS }, () => vector().reduce((sum, k, i) => sum + k * q[i], 0))
  })
}

function spreadOf(rows: readonly (readonly number[])[], dHead: number): Spread {
  const scale = 1 / Math.sqrt(dHead)
  const meanOver = (of: (row: readonly number[]) => number) =>
    rows.reduce((sum, row) => sum + of(row), 0) / rows.length
  const variance = (row: readonly number[]) => {
    const mean = row.reduce((sum, x) => sum + x, 0) / row.length
    return row.reduce((sum, x) => sum + (x - mean) ** 2, 0) / row.length
  }
  const largest = (row: readonly number[], scale: number) => {
    const shares = new Float32Array(row.length)
    softmaxRow(row.map((dot) => dot * scale), shares) // prettier-ignore
    return Math.max(...shares)
  }
  const before = Math.sqrt(meanOver(variance))
  return {
    dHead,
    before,
    after: before * scale,
    share: meanOver((row) => largest(row, scale)),
    unscaled: meanOver((row) => largest(row, 1)),
  }
}
