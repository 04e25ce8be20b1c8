// GPT-2 in one file: plain loops on arrays. No hooks, no cache, no batches, no backend; slow but complete. The rest of gpt2/ computes
// the same numbers; on the reference backend they are bit-identical, as a test asserts. Read this first.

/** One row of numbers per token. Float32Array rounds what is stored to float32; sums are float64 until then. */
type Row = Float32Array

/** A weight by its name in the checkpoint, row by row. Matrices are stored [in, out], embeddings [ids, dModel]. */
export type PlainWeights = (name: string) => Float32Array

/**
 * The forward pass: what the model expects next after each token, as one logit per token of the vocabulary.
 * @param ids the text's tokens, BOS first
 * @returns [tokens, dVocab]
 */
export function plainForward(weights: PlainWeights, nLayers: number, nHeads: number, ids: number[]): Row[] {
  const [wte, wpe] = [weights('wte.weight'), weights('wpe.weight')]
  const dModel = weights('ln_f.weight').length

  // The residual stream begins as the sum of two rows: which token it is, and where it stands.
  let stream = ids.map((id, t) => add(rowOf(wte, id, dModel), rowOf(wpe, t, dModel)))
  for (let layer = 0; layer < nLayers; layer++) {
    // Each half of a block reads the stream, normalised, and adds to it. Nothing is ever replaced.
    const part = (name: string) => (kind: string) => weights(`h.${layer}.${name}.${kind}`)
    const attended = attention(normalised(stream, part('ln_1')), part('attn.c_attn'), nHeads)
    stream = addRows(stream, linear(attended, part('attn.c_proj')))
    const hidden = linear(normalised(stream, part('ln_2')), part('mlp.c_fc')).map((row) => row.map(gelu))
    stream = addRows(stream, linear(hidden, part('mlp.c_proj')))
  }
  // A token's logit is the dot product of the stream's last state with the row that embeds that token.
  return normalised(stream, (kind) => weights(`ln_f.${kind}`)).map((x) => {
    const vocabulary = Array.from({ length: wte.length / dModel }, (_, id) => rowOf(wte, id, dModel))
    return Float32Array.from(vocabulary, (row) => dot(x, row))
  })
}

/** A layer's two tensors, `weight` and `bias`. */
type Layer = (kind: string) => Float32Array

/** x W + b for each row: every output is the bias and a sum over all inputs. */
function linear(rows: Row[], layer: Layer): Row[] {
  const [weight, bias] = [layer('weight'), layer('bias')] // [in, out], [out]
  return rows.map((x) =>
    bias.map((start, j) => {
      let sum = start
      for (let i = 0; i < x.length; i++) sum += x[i] * weight[i * bias.length + j]
      return sum
    }),
  )
}

/** LayerNorm: each row is shifted to mean 0 and scaled to variance 1, then scaled and shifted by learned numbers. */
function normalised(rows: Row[], layer: Layer): Row[] {
  const [weight, bias] = [layer('weight'), layer('bias')]
  return rows.map((x) => {
    const width = x.length
    let mean = 0
    for (const value of x) mean += value / width
    let variance = 0
    for (const value of x) variance += (value - mean) ** 2 / width
    const scale = 1 / Math.sqrt(variance + 1e-5) // so that a row of equal numbers does not cause a division by zero
    return x.map((value, i) => (value - mean) * scale * weight[i] + bias[i])
  })
}

/** Each token asks a question (q); it and every token before it offer a key (k) and a value (v). */
function attention(rows: Row[], layer: Layer, nHeads: number): Row[] {
  const dModel = rows[0].length
  const dHead = dModel / nHeads
  const qkv = linear(rows, layer) // q, k and v side by side, each made of nHeads pieces of dHead numbers
  return qkv.map((own, t) => {
    const mixed = new Float32Array(dModel)
    for (let head = 0; head < nHeads; head++) {
      const piece = (of: Row, part: number): Row =>
        of.subarray(part * dModel + head * dHead, part * dModel + (head + 1) * dHead)
      const q = piece(own, 0)
      // Up to t itself: what lies ahead is never looked at.
      const [keys, values] = [1, 2].map((part) => qkv.slice(0, t + 1).map((row) => piece(row, part)))
      // A dot product of dHead random numbers has a spread of sqrt(dHead); divided by it, softmax stays gentle.
      const pattern = softmax(keys.map((k) => dot(q, k) * (1 / Math.sqrt(dHead))))
      for (let i = 0; i < dHead; i++) {
        let sum = 0
        for (const [key, v] of values.entries()) sum += pattern[key] * v[i]
        mixed[head * dHead + i] = sum
      }
    }
    return mixed
  })
}

/** Scores become shares that sum to 1. The largest is subtracted first, so that exp does not overflow. */
function softmax(scores: number[]): Row {
  const max = Math.max(...scores)
  let sum = 0
  for (const score of scores) sum += Math.exp(score - max)
  return Float32Array.from(scores, (score) => Math.exp(score - max) / sum)
}

/** The MLP's bend: large numbers pass, negative ones fade to zero. Without it, the two matrices could be replaced by one. */
function gelu(x: number): number {
  return 0.5 * x * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)))
}

function dot(a: Row, b: Row): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}

const add = (a: Row, b: Row): Row => a.map((value, i) => value + b[i])
const addRows = (a: Row[], b: Row[]): Row[] => a.map((row, t) => add(row, b[t]))
const rowOf = (table: Float32Array, row: number, width: number): Row =>
  table.subarray(row * width, (row + 1) * width)
