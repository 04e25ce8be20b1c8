import { createBackend } from '../engine/backends.ts'
import { sizeOf } from '../engine/tensor.ts'
import { openModel } from '../experiments/lab/models/models.ts'
import { withBackend, type EngineOptions } from '../experiments/lab/models/engine-options.ts'
import { createProgress } from '../experiments/lab/cli/progress.ts'
import type { Gpt2Config } from '../gpt2/config.ts'
import type { Hook } from '../gpt2/hooks.ts'
import { run, type Gpt2 } from '../gpt2/model.ts'
import { weightShapes } from '../gpt2/weights.ts'
import { makeRow, threadsOf, type Cost, type Row } from './rows.ts'
import { measureRoofline } from './roofline.ts'

export interface GenerateOptions extends EngineOptions {
  readonly prompts: readonly number[] // lengths
  readonly newTokens: number
  readonly quick?: boolean
  readonly json?: boolean
}

/** Greedy tokens that must be the reference's. */
const CHECKED_TOKENS = 4
const USUAL_RUNS = 5
const QUICK_RUNS = 2

/** Prefill and decode with a KV cache: how long the first token takes, and how long each after it. */
export async function benchGenerate(options: GenerateOptions): Promise<Row[]> {
  const { model: modelName, newTokens, quick = false, json: quiet = false } = options
  const prompts = quick ? options.prompts.slice(0, 1) : options.prompts
  const source = { ...options, quiet }
  const runs = quick ? QUICK_RUNS : USUAL_RUNS
  return withBackend(options, async (ops) => {
    const threads = threadsOf(ops)
    const roofline = await measureRoofline({ threads, quick })
    const { gpt2 } = await openModel(modelName, ops, source)
    if (ops.name !== 'reference') {
      const reference = await openModel(modelName, await createBackend('reference'), source)
      for (const length of prompts) await verifyText(gpt2, reference.gpt2, promptOf(gpt2.config, length))
    }
    const rows = [...roofline.rows]
    using progress = createProgress({
      label: 'generating',
      total: prompts.length * runs * newTokens,
      unit: 'tokens',
      quiet,
    })
    for (const length of prompts) {
      const prompt = promptOf(gpt2.config, length)
      const times = await timeTokens(gpt2, prompt, { newTokens, runs, onToken: () => progress.step() })
      const name = { backend: ops.name, mode: ops.mode, threads }
      const ceiling = roofline.ceiling(threads)
      const prefill = { ...name, work: 'prefill', shape: String(length) }
      rows.push(makeRow(prefill, times.first, costOfTokens(gpt2.config, length), ceiling))
      const decode = { ...name, work: 'decode', shape: `1 after ${length}` }
      rows.push(makeRow(decode, times.later, costOfTokens(gpt2.config, 1), ceiling))
    }
    return rows
  })
}

/** BOS and tokens spread over the vocabulary. */
function promptOf({ bos, dVocab }: Gpt2Config, length: number): number[] {
  return Array.from({ length }, (_, i) => (i === 0 ? bos : (i * 7919) % dVocab))
}

async function verifyText(ours: Gpt2, reference: Gpt2, prompt: readonly number[]): Promise<void> {
  const [got, expected] = [
    (await writeGreedily(ours, prompt, CHECKED_TOKENS)).ids,
    (await writeGreedily(reference, prompt, CHECKED_TOKENS)).ids,
  ]
  if (got.join() !== expected.join())
    throw new Error(
      `${ours.ops.name} (${ours.ops.mode}): after a prompt of ${prompt.length} tokens it writes ` +
        `${got.join(' ')}, the reference ${expected.join(' ')}: nothing is timed`,
    )
}

/** Writes `count` tokens, the most probable each time; <|endoftext|> does not end it. -> ids, and milliseconds each took */
async function writeGreedily(
  model: Gpt2,
  prompt: readonly number[],
  count: number,
  onToken: () => void = () => {},
): Promise<{ ids: number[]; times: number[] }> {
  const { config, ops } = model
  const newRows = () => ops.createCache(config.nCtx, config.dModel)
  const cache = Array.from({ length: config.nLayers }, () => ({ keys: newRows(), values: newRows() }))
  const [ids, times]: number[][] = [[], []]
  try {
    for (let next = [...prompt]; ids.length < count; next = ids.slice(-1)) {
      const start = performance.now()
      const pick: Hook = async (logits, ops) => void ids.push((await ops.topK(logits, 1))[0].indices[0])
      await run(model, [next], { logits: pick }, { cache, lastOnly: true })
      times.push(performance.now() - start)
      onToken()
    }
    return { ids, times }
  } finally {
    for (const { keys, values } of cache) for (const rows of [keys, values]) ops.release(rows)
  }
}

/** Milliseconds of the first token, and of every later one, over several texts. */
async function timeTokens(
  model: Gpt2,
  prompt: readonly number[],
  options: { newTokens: number; runs: number; onToken: () => void },
): Promise<{ first: number[]; later: number[] }> {
  const { newTokens, runs, onToken } = options
  const texts: number[][] = []
  while (texts.length < runs) texts.push((await writeGreedily(model, prompt, newTokens, onToken)).times)
  return { first: texts.map(([first]) => first), later: texts.flatMap(([, ...later]) => later) }
}

/** Every weight read once; each token through all blocks, the last one through the unembedding. Keys and values are not counted. */
function costOfTokens(config: Gpt2Config, tokens: number): Cost {
  let blocks = 0
  for (const [name, shape] of weightShapes(config)) if (name.startsWith('h.')) blocks += sizeOf(shape)
  const unembedding = config.dModel * config.dVocab
  return { flops: 2 * (blocks * tokens + unembedding), bytes: 4 * (blocks + unembedding) }
}
