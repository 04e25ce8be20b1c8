// `bench generate`: how long the first token takes (prefill), and how long each after it (decode, with a KV cache).
import { createBackend } from '../engine/backends.ts'
import { integerIn, listOf, positiveInteger } from '../experiments/lab/cli/cli.ts'
import { openModel } from '../experiments/lab/models/models.ts'
import { withBackend, type EngineOptions } from '../experiments/lab/models/engine-options.ts'
import { createProgress } from '../experiments/lab/cli/progress.ts'
import { generate as writeOn } from '../gpt2/generate.ts'
import type { Gpt2Config } from '../gpt2/config.ts'
import type { Hook } from '../gpt2/hooks.ts'
import { run, type Gpt2 } from '../gpt2/model.ts'
import { makeRow, threadsOf, type Cost } from './rows.ts'
import { addModel, showRange, type Benchmark } from './benchmark.ts'
import { measureRoofline } from './roofline.ts'
import { passCost, spreadIds } from './model-pass.ts'

interface GenerateOptions extends EngineOptions {
  readonly prompts: readonly number[] // lengths
  readonly newTokens: number
}

/** Greedy tokens that must equal the reference's. */
const CHECKED_TOKENS = 4
/** Prompts up to this length are checked against the reference itself; `layers` checks longer passes. */
const REFERENCE_TOKENS = 16
const USUAL_RUNS = 5
const QUICK_RUNS = 2

export const generate: Benchmark<GenerateOptions> = {
  name: 'generate',
  description: 'tokens per second: prefill, then one token at a time',
  addOptions: (command) =>
    addModel(command)
      .option(
        '--prompts <list>',
        'lengths of the prompts; quick takes the first',
        listOf('prompts', positiveInteger('length')),
        [16, 128, 1000],
      )
      .option('--new-tokens <n>', 'tokens to write', integerIn('new tokens', 2), 24),

  async run(options) {
    const { quick, quiet, newTokens } = options
    const runs = quick ? QUICK_RUNS : USUAL_RUNS
    return withBackend(options, async (ops) => {
      const threads = threadsOf(ops)
      const roofline = await measureRoofline({ threads, quick })
      const { gpt2 } = await openModel(options.model, ops, options)
      const { config } = gpt2
      const fits = (length: number) => length + newTokens <= config.nCtx
      const wanted = quick ? options.prompts.slice(0, 1) : options.prompts
      const prompts = wanted.filter(fits).map((length) => spreadIds(config, length))
      const notRun = wanted
        .filter((length) => !fits(length))
        .map((length) => ({
          backend: ops.name,
          reason: `a prompt of ${length} tokens and ${newTokens} more: the model has ${config.nCtx} positions`,
        }))
      await verifyTexts(gpt2, prompts, options)
      const rows = [...roofline.rows]
      const row = (work: string, shape: string, cost: Cost, samples: number[]) => {
        const name = { work, shape, backend: ops.name, mode: ops.mode, threads }
        rows.push(makeRow(name, samples, cost, roofline.ceiling(threads)))
      }
      const timed = prompts.map((prompt) => ({ prompt, first: [] as number[], later: [] as number[] }))
      const total = prompts.length * runs * newTokens
      using progress = createProgress({ label: 'generating', total, unit: 'tokens', quiet })
      // in turns, so that a change in the machine's speed affects all lengths
      for (let text = 0; text < runs; text++)
        for (const { prompt, first, later } of timed) {
          const { times } = await writeGreedily(gpt2, prompt, newTokens, () => progress.step())
          first.push(times[0])
          later.push(...times.slice(1))
        }
      for (const { prompt, first, later } of timed) {
        const { length } = prompt
        row('prefill', `${length}`, passCost(config, length), first)
        row('decode', `1 after ${length}`, decodeCost(config, length + newTokens / 2), later)
      }
      return { rows, notRun }
    })
  },

  summary({ rows }) {
    const decoded = rows.filter(({ work }) => work === 'decode')
    const shares = showRange(decoded.map(({ roofline }) => roofline!))
    const rates = showRange(decoded.map(({ median_ms }) => 1000 / median_ms))
    return `ours is ${shares} times as fast as the roofline allows in decoding: ${rates} tokens a second`
  },
}

/** A pass of one token, and its keys and values of `keys` tokens read once. */
function decodeCost(config: Gpt2Config, keys: number): Cost {
  const { flops, bytes } = passCost(config, 1)
  return { flops, bytes: bytes + 2 * config.nLayers * keys * config.dModel * 4 }
}

/**
 * Compares what is written with the reference; after a long prompt, with our own pass without a cache: the reference would take minutes.
 * @throws if another token is written
 */
async function verifyTexts(
  ours: Gpt2,
  prompts: readonly (readonly number[])[],
  options: GenerateOptions,
): Promise<void> {
  const { name, mode } = ours.ops
  if (name === 'reference') return
  using reference = await openModel(options.model, await createBackend('reference'), options)
  for (const prompt of prompts) {
    const short = prompt.length <= REFERENCE_TOKENS
    const { ids: got } = await writeGreedily(ours, prompt, CHECKED_TOKENS)
    const expected = short
      ? (await writeGreedily(reference.gpt2, prompt, CHECKED_TOKENS)).ids
      : await writeWithoutCache(ours, prompt, CHECKED_TOKENS)
    if (got.join() !== expected.join())
      throw new Error(
        `${name} (${mode}): after a prompt of ${prompt.length} tokens it writes ${got.join(' ')}, ` +
          `${short ? 'the reference' : 'without a cache'} ${expected.join(' ')}: nothing is timed`,
      )
  }
}

/** The most probable tokens, each found by a pass through everything before it. */
async function writeWithoutCache(model: Gpt2, prompt: readonly number[], count: number): Promise<number[]> {
  const ids: number[] = []
  while (ids.length < count) {
    const logits: Hook = async (logits, ops) => void ids.push((await ops.topK(logits, 1))[0].indices[0])
    await run(model, [[...prompt, ...ids]], { logits }, { lastOnly: true })
  }
  return ids
}

/** Writes `count` tokens, the most probable each time. -> ids, and the milliseconds that each took */
export async function writeGreedily(
  model: Gpt2,
  prompt: readonly number[],
  count: number,
  onToken: () => void = () => {},
): Promise<{ ids: number[]; times: number[] }> {
  const endless = { ...model, config: { ...model.config, bos: undefined } } // <|endoftext|> does not end it
  const [ids, times]: number[][] = [[], []]
  let start = performance.now()
  for await (const id of writeOn(endless, prompt, count, { temperature: 0 })) {
    ids.push(id)
    times.push(performance.now() - start)
    onToken()
    start = performance.now()
  }
  return { ids, times }
}
