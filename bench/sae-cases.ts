// The SAE encoders of `bench sae`, and what each reads.
import { createBackend } from '../engine/backends.ts'
import type { Selection } from '../engine/selection.ts'
import { Tensor } from '../engine/tensor.ts'
import { readTensor } from '../engine/weights/weights.ts'
import { captureStreams } from '../experiments/lab/models/features.ts'
import { openModel } from '../experiments/lab/models/models.ts'
import { findModel } from '../experiments/lab/models/model-source.ts'
import { loadTexts } from '../experiments/lab/texts/texts-node.ts'
import { saeInput } from '../sae/encoder.ts'

/** An SAE's encoder, which keeps part of x W + b, and its input, from which b_dec has been subtracted. */
export interface EncoderCase {
  readonly x: Tensor // [tokens, in]
  readonly weight: Tensor // [in, out]
  readonly bias: Tensor // [out]
  readonly selection?: Selection
}

interface CaseMaker {
  readonly size: readonly [inputs: number, outputs: number]
  readonly make: (tokens: number) => EncoderCase | Promise<EncoderCase>
}

/** Cases by name. */
export const encoderCases: Readonly<Record<string, CaseMaker>> = {
  'synthetic, blocks.6': {
    size: [768, 24576],
    make: (tokens) => ofModel('synthetic', 'blocks.6.hook_resid_pre', tokens),
  },
  // 3.6 standard deviations below zero: the outliers widen the others' 1.0 to 1.37, which leaves about 100 active
  'outliers, normal': { size: [768, 24576], make: (tokens) => withOutliers(tokens, 24576, -3.6) },
  'TopK 32 of 24k, outliers': { size: [768, 24576], make: (tokens) => topK(tokens, 24576) },
  'TopK 32 of 32k, outliers': { size: [768, 32768], make: (tokens) => topK(tokens, 32768) },
  'bundled, blocks.3': {
    size: [128, 1024],
    make: (tokens) => ofModel('tiny', 'blocks.3.hook_resid_pre', tokens),
  },
}

const TEXTS = new URL('../experiments/lab/texts/texts.json', import.meta.url)

/** A model's stream on the bundled texts, and the encoder of its SAE there. */
async function ofModel(name: string, hook: string, tokens: number): Promise<EncoderCase> {
  const ops = await createBackend('wasm')
  const model = await openModel(name, ops, { quiet: true })
  const texts: number[][] = []
  let length = 0
  for (const { text } of await loadTexts(TEXTS.pathname)) {
    if (length >= tokens) break
    texts.push(model.tokenize(text))
    length += texts[texts.length - 1].length
  }
  if (length < tokens) throw new Error(`bench sae: the bundled texts have ${length} tokens, not ${tokens}`)
  const stream = (await captureStreams(model.gpt2, texts, [hook])).get(hook)!.rows(0, tokens)
  const sae = await model.openSae(hook)
  const input = await ops.subtract(await saeInput(ops, sae, ops.upload(stream)), sae.b_dec)
  const x = await ops.download(input)
  await ops.dispose()
  const store = await (await findModel(name)).saes.get(hook)!.weights()
  const [weight, bias] = [await readTensor(store.get('W_enc')), await readTensor(store.get('b_enc'))]
  await store.close()
  return { x, weight, bias }
}

/** Full size, normally distributed, with three dimensions of every token 15 times as large, as GPT-2's stream has them. */
function withOutliers(tokens: number, outputs: number, bias: number): EncoderCase {
  const inputs = 768
  const next = normalNumbers(20190214)
  const normal = (shape: readonly [number, number], scale: number): Tensor => {
    const tensor = Tensor.zeros(shape)
    for (let i = 0; i < tensor.data.length; i++) tensor.data[i] = scale * next()
    return tensor
  }
  const x = normal([tokens, inputs], 1)
  for (let t = 0; t < tokens; t++) for (const k of [138, 378, 447]) x.row(t)[k] *= 15
  const weight = normal([inputs, outputs], 1 / Math.sqrt(inputs))
  return { x, weight, bias: new Tensor([outputs], new Float32Array(outputs).fill(bias)) }
}

function topK(tokens: number, outputs: number): EncoderCase {
  return { ...withOutliers(tokens, outputs, 0), selection: { keep: 'largest', k: 32 } }
}

/** Standard normal numbers (Box and Muller 1958) from xorshift32 (Marsaglia 2003). */
function normalNumbers(seed: number): () => number {
  let state = seed | 1
  const uniform = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return ((state >>> 0) + 1) / (2 ** 32 + 1)
  }
  return () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform())
}
