// One layer end to end: attention of the bundled model, forward, back, in memory and as a kernel.
import type { Backend, TextSpan } from '../../engine/backend.ts'
import { createBackend } from '../../engine/backends.ts'
import type { AttentionSize } from '../../engine/checks.ts'
import { attentionMixBackward, attentionPatternBackward } from '../../engine/reference/attention-backward.ts'
import { attentionMix, attentionPattern } from '../../engine/reference/attention.ts'
import { Tensor } from '../../engine/tensor.ts'
import { capture } from '../../gpt2/model.ts'
import { openModel, type OpenModel } from '../lab/models/models.ts'
import { OWN_TEXTS, textsNamed } from '../lab/texts/named-texts.ts'
import { spreads } from './spread.ts'
import type { Stop } from './walk.ts'

const TEXT = 'def add('
/** The head of block 0 that is shown. */
const HEAD = 0
/** How far a number is nudged in each direction. */
const NUDGE = 1e-4
/** The text whose attention is computed in two ways, by its row in our own texts. */
const LONGER_TEXT = 0

/** The inputs of attention, and their size. q, k and v [tokens, width] */
interface Layer {
  readonly q: Tensor
  readonly k: Tensor
  readonly v: Tensor
  readonly size: AttentionSize
  readonly texts: readonly TextSpan[]
}

/** Reference backend, bundled model: the same on every machine. The last stop compares wasm with it. */
export async function walkAttention(): Promise<Stop[]> {
  const ops = await createBackend('reference')
  const model = await openModel('tiny', ops, { quiet: true })
  const ids = model.tokenize(TEXT)
  const pieces = ids.map((id, t) => (t === 0 ? 'BOS' : JSON.stringify(model.tokenizer.decode([id]))))
  const layer = await layerOf(model, ids)
  const stops = [
    layout(layer, pieces),
    await scale(model),
    causal(layer, pieces),
    ...back(layer, pieces),
    nudged(layer),
    kept(layer, pieces),
    await kernel(model),
  ]
  await ops.dispose()
  return stops
}

/** Queries, keys and values of block 0. */
async function layerOf(model: OpenModel, ids: readonly number[]): Promise<Layer> {
  const { nHeads: heads, dHead, dModel: width } = model.gpt2.config
  const names = ['q', 'k', 'v'].map((name) => `blocks.0.attn.hook_${name}`)
  const seen = await capture(model.gpt2, [ids], names)
  const [q, k, v] = names.map((name) => new Tensor([ids.length, width], seen.get(name)!.data))
  const size = { heads, width, dHead, queries: ids.length, keys: ids.length, longest: ids.length }
  return { q, k, v, size, texts: [{ queries: ids.length, keys: ids.length }] }
}

function layout({ q, size: { width, dHead, queries, heads } }: Layer, pieces: readonly string[]): Stop {
  const last = queries - 1
  const start = last * width + dHead
  return {
    title: 'Queries, keys and values are stored token by token, heads side by side',
    file: 'engine/reference/attention.ts',
    code: 'for (let i = head * dHead; i < (head + 1) * dHead; i++)',
    lines: [
      `q, k, v     [${queries}, ${width}]   1 further: the head’s next number; ${dHead} further: the next head; ${width} further: the next token`,
      `P           [${heads}, ${queries}, ${queries}]  1 further: the next key; ${queries} further: the next query; ${queries * queries} further: the next head`,
      `head 1 of ${pieces[last]} begins at ${last} x ${width} + 1 x ${dHead} = ${start}: ${show(q.data.subarray(start, start + 4))} ...`,
    ],
    says: 'No head is copied out: a head is a range of columns. A cache only appends rows: nothing moves.',
  }
}

async function scale(model: OpenModel): Promise<Stop> {
  const { random, layers } = await spreads(model)
  const all = layers.flat()
  const mean = (numbers: readonly number[]) => numbers.reduce((sum, x) => sum + x, 0) / numbers.length
  const range = (numbers: readonly number[]) =>
    `${Math.min(...numbers).toFixed(1)} to ${Math.max(...numbers).toFixed(1)}`.padEnd(13)
  return {
    title: 'Why the root of dHead: the spread of the scores in a row',
    file: 'engine/reference/attention.ts',
    code: 'scores[key] = dot * scale',
    lines: [
      '                       spread of q . k  times scale    largest share  without scale',
      ...random.map(
        ({ dHead, before, after, share, unscaled }) =>
          `random, dHead ${String(dHead).padStart(3)}      ${before.toFixed(1).padEnd(15)}  ${after.toFixed(1).padEnd(13)}  ${share.toFixed(2).padEnd(13)}  ${unscaled.toFixed(2)}`,
      ),
      ...layers.map(
        (heads, layer) =>
          `block ${layer}, ${heads.length} heads       ${range(heads.map(({ before }) => before)).padEnd(15)}  ${range(heads.map(({ after }) => after))}  ` +
          `${mean(heads.map(({ share }) => share))
            .toFixed(2)
            .padEnd(13)}  ${mean(heads.map(({ unscaled }) => unscaled)).toFixed(2)}`,
      ),
    ],
    says:
      `With random numbers of variance 1 the spread is the root of dHead. In the model’s ${all.length} trained heads it is ${range(all.map(({ after }) => after)).trim()} after the scale. ` +
      `Without it a single key would get ${(100 * mean(all.map(({ unscaled }) => unscaled))).toFixed(0)} % of a row, on average; with it ${(100 * mean(all.map(({ share }) => share))).toFixed(0)} %.`,
  }
}

function causal({ q, k, size, texts }: Layer, pieces: readonly string[]): Stop {
  const pattern = attentionPattern(q, k, size, texts)
  const { longest } = size
  return {
    title: 'Why it looks only backwards: each row ends at its own key',
    file: 'engine/reference/attention.ts',
    code: 'for (let key = 0; key < visible; key++) {',
    lines: [
      `        ${pieces.map((piece) => piece.padStart(6)).join('  ')}`,
      ...pieces.map((piece, query) => {
        const row = (HEAD * size.queries + query) * longest
        const shares = Array.from(pattern.data.subarray(row, row + longest))
        const cells = shares.map((share, key) => (key > query ? '     .' : share.toFixed(3).padStart(6)))
        return `${piece.padStart(6)}  ${cells.join('  ')}   visible = ${query + 1}`
      }),
    ],
    says: 'A dot is exactly 0: the loop never gets there, softmax never sees it, and no gradient comes back from it.',
  }
}

/** The loss is half the sum of the squares of all outputs, so dY is Y. */
function gradients({ q, k, v, size, texts }: Layer) {
  const pattern = attentionPattern(q, k, size, texts)
  const y = attentionMix(pattern, v, size, texts)
  const [dP, dV] = attentionMixBackward(y, pattern, v, size, texts)
  const [dQ, dK] = attentionPatternBackward(dP, pattern, q, k, size, texts)
  return { pattern, dP, dQ, dK, dV }
}

function back(layer: Layer, pieces: readonly string[]): Stop[] {
  const { pattern, dP, dQ, dK, dV } = gradients(layer)
  const { queries, longest, width } = layer.size
  const last = queries - 1
  const row = (HEAD * queries + last) * longest
  const [p, dp] = [pattern, dP].map(({ data }) => Array.from(data.subarray(row, row + longest)))
  const dot = p.reduce((sum, share, key) => sum + share * dp[key], 0)
  const dS = p.map((share, key) => share * (dp[key] - dot))
  const first = (x: Tensor, token: number) => `${show(x.data.subarray(token * width, token * width + 4))} ...`
  return [
    {
      title: 'Back through Y = P V; the loss is half the sum of the squares of Y, so dY = Y',
      file: 'engine/reference/attention-backward.ts',
      code: 'dV[atV] += pattern.data[row + key] * dY.data[atY]',
      lines: [
        `dV of BOS           ${first(dV, 0)}`,
        `dV of ${pieces[last]}           ${first(dV, last)}`,
        `dP of ${pieces[last]}           ${show(dp)}`,
      ],
      says: 'Every query adds to the gradient of the value of BOS; only the last query adds to that of the last value.',
    },
    {
      title: 'Back through P = softmax(S)',
      file: 'engine/reference/softmax-backward.ts',
      code: 'dX[i] = y[i] * (dY[i] - dot)',
      lines: [
        `P . dP              ${dot.toFixed(3).padStart(6)}`,
        `dS of ${pieces[last]}           ${show(dS)}`,
      ],
      says: `dS sums to ${Math.abs(dS.reduce((sum, x) => sum + x, 0)).toFixed(3)}: what one share gains, the others lose.`,
    },
    {
      title: 'Back through S = Q K^T scale',
      file: 'engine/reference/attention-backward.ts',
      code: 'dQ[atQ] += dS[key] * k.data[atK] * scale',
      lines: [`dQ of ${pieces[last]}           ${first(dQ, last)}`, `dK of BOS           ${first(dK, 0)}`],
      says: 'dQ contains the scale once as a factor, and so does dK: S was multiplied by it once.',
    },
  ]
}

/** Every gradient of the layer against finite differences, in float64; and what two mistakes would do. */
function nudged(single: Layer): Stop {
  const layer = { ...single, q: doubles(single.q), k: doubles(single.k), v: doubles(single.v) }
  const { size, texts } = layer
  const loss = () => {
    const y = attentionMix(attentionPattern(layer.q, layer.k, size, texts), layer.v, size, texts)
    return y.data.reduce((sum, x) => sum + (x * x) / 2, 0)
  }
  const slopes = (x: Tensor) =>
    Float64Array.from(x.data, (number, i) => {
      const at = (value: number) => {
        x.data[i] = value
        return loss()
      }
      const slope = (at(number + NUDGE) - at(number - NUDGE)) / (2 * NUDGE)
      x.data[i] = number
      return slope
    })
  const { dQ, dK, dV, dP, pattern } = gradients(layer)
  const found = { q: slopes(layer.q), k: slopes(layer.k), v: slopes(layer.v) }
  const difference = (rule: Tensor, slope: Float64Array) =>
    rule.data.reduce((worst, x, i) => Math.max(worst, Math.abs(x - slope[i])), 0)
  const at = size.width * (size.queries - 1)
  // dQ = dS K scale, with P dP instead of dS
  const withoutDot = new Tensor(dP.shape, dP.data.map((x, i) => x * pattern.data[i])) // prettier-ignore
  const wrong = attentionMix(withoutDot, layer.k, size, texts)
  for (const [i, x] of wrong.data.entries()) wrong.data[i] = x / Math.sqrt(size.dHead)
  const unscaled = attentionPatternBackward(dP, pattern, layer.q, layer.k, size, texts, 1)[0]
  return {
    title: `Checked against finite differences: each of ${3 * layer.q.data.length} numbers nudged by ${NUDGE}, up and down`,
    file: 'test/helpers/gradients.ts',
    code: 'const slope = (above - below) / (2 * H)',
    lines: [
      `dQ of "(", by rule  ${show(dQ.data.subarray(at, at + 4), 6)} ...`,
      `         nudged     ${show(found.q.subarray(at, at + 4), 6)} ...`,
      `largest difference  dQ ${below(difference(dQ, found.q))}, dK ${below(difference(dK, found.k))}, dV ${below(difference(dV, found.v))}`,
      `mistakes            dQ without "- P . dP": off by ${difference(wrong, found.q).toFixed(3)}; without the scale: off by ${difference(unscaled, found.q).toFixed(3)}`,
    ],
    says: 'In float64, where even so small a nudge visibly changes a sum of squares. Tests do this for every op.',
  }
}

function kept({ q, k, size, texts }: Layer, pieces: readonly string[]): Stop {
  const pattern = attentionPattern(q, k, size, texts)
  const last = size.queries - 1
  const row = (HEAD * size.queries + last) * size.longest
  const scores = Array.from({ length: size.keys }, (_, key) => {
    let dot = 0
    for (let i = HEAD * size.dHead; i < (HEAD + 1) * size.dHead; i++) dot += q.row(last)[i] * k.row(key)[i]
    return dot / Math.sqrt(size.dHead)
  })
  const largest = Math.max(...scores)
  const logSumExp = largest + Math.log(scores.reduce((sum, score) => sum + Math.exp(score - largest), 0))
  const count = (numbers: number) => numbers.toLocaleString('en').padStart(12)
  const numbers = (name: string, heads: number, width: number, tokens: number) =>
    `${name}, ${tokens.toLocaleString('en')} tokens`.padEnd(28) +
    `${count(3 * tokens * width)}${count(heads * tokens * tokens)}${count(heads * tokens)}`
  return {
    title: 'What is kept for the backward pass, and what is computed again',
    file: 'engine/tape-ops.ts',
    code: 'const pattern = await ops.attentionPattern(q, k, heads, texts, scale)',
    lines: [
      `numbers in one layer        ${['q, k and v', 'P', 'log-sum-exp'].map((name) => name.padStart(12)).join('')}`,
      numbers('bundled', size.heads, size.width, 256),
      numbers('GPT-2 small', 12, 768, 1024),
      `the row of ${pieces[last]}: log-sum-exp ${logSumExp.toFixed(3)}`,
      `  exp(score - it)   ${show(scores.map((score) => Math.exp(score - logSumExp)))}`,
      `  P                 ${show(pattern.data.subarray(row, row + size.longest))}`,
    ],
    says: 'q, k and v are kept; P is computed again. Any single share could be recomputed from its row’s log-sum-exp, which is not needed here.',
  }
}

/** Block 0 of a longer text, by the plain loops and by the kernel, and the kernel on the last token alone. */
async function kernel(model: OpenModel): Promise<Stop> {
  const [{ text }] = (await textsNamed({ texts: OWN_TEXTS })).slice(LONGER_TEXT)
  const { q, k, v, size } = await layerOf(model, model.tokenize(text))
  const { keys, heads } = size
  const run = async (ops: Backend, queries: number) => {
    const rows = q.rows(keys - queries, keys)
    const given = [rows, k, v].map((x) => ops.upload(x))
    return ops.download(await ops.attention(given[0], given[1], given[2], heads, [{ queries, keys }]))
  }
  const wasm = await createBackend('wasm')
  const [plain, tiled, alone] = [await run(model.gpt2.ops, keys), await run(wasm, keys), await run(wasm, 1)]
  await wasm.dispose()
  const largest = plain.data.reduce((most, x) => Math.max(most, Math.abs(x)), 0)
  const off = plain.data.reduce((most, x, i) => Math.max(most, Math.abs(x - tiled.data[i])), 0)
  const unlike = alone.data.filter((x, i) => !Object.is(x, tiled.row(keys - 1)[i])).length
  return {
    title: `The kernel against the plain loops, on a text of ${keys} tokens`,
    file: 'engine/wasm/attention-tiles.ts',
    code: 'call(anyTile, { rows, panels, x: q, xStride: stride, ...keys, K: dHead, sums })',
    lines: [
      `largest difference, relative to the largest output: ${below(off / largest)}`,
      `the last token alone, after a cache, against all at once: ${unlike} of ${alone.data.length} numbers differ`,
    ],
    says: 'Float32 sums differ from float64 sums by rounding. The kernel agrees with itself to the bit.',
  }
}

/** The reference's loops also accept float64 numbers, and then round nothing. */
function doubles(x: Tensor): Tensor {
  return new Tensor(x.shape, Float64Array.from(x.data) as unknown as Float32Array)
}

/** A power of ten well above x: the digits of x say nothing, and may differ between machines. */
function below(x: number): string {
  return x === 0 ? '0' : `below 1e${Math.ceil(Math.log10(3 * x))}`
}

function show(numbers: ArrayLike<number>, digits = 3): string {
  return Array.from(numbers, (value) => value.toFixed(digits).padStart(digits + 3)).join(' ')
}
