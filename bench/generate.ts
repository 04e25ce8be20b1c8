// `bench generate`: how long the first token takes (prefill), and how long each after it (decode, with a KV cache).
import { createBackend } from '../engine/backends.ts'
import { integerIn, listOf, positiveInteger } from '../experiments/lab/cli/cli.ts'
import { openModel } from '../experiments/lab/models/models.ts'
import { withBackend, type EngineOptions } from '../experiments/lab/models/engine-options.ts'
import { createProgress } from '../experiments/lab/cli/progress.ts'
import { generate as writeOn } from '../gpt2/generate.ts'
import type { Gpt2 } from '../gpt2/model.ts'
import { makeRow, threadsOf } from './rows.ts'
import { addModel, showRange, type Benchmark } from './benchmark.ts'
import { measureRoofline } from './roofline.ts'
import { passCost, spreadIds } from './model-pass.ts'

interface GenerateOptions extends EngineOptions {
  readonly prompts: readonly number[] // lengths
  readonly newTokens: number
}

/** Greedy tokens that must be the reference's. */
const CHECKED_TOKENS = 4
const USUAL_RUNS = 5
const QUICK_RUNS = 2

export const generate: Benchmark<GenerateOptions> = {
  name: 'generate',
  description: 'tokens a second: prefill, then one token at a time',
  addOptions: (command) =>
    addModel(command)
      .option(
        '--prompts <list>',
        'lengths of the prompts; quick takes the first',
        listOf('prompts', positiveInteger('length')),
        [16, 128],
      )
      .option('--new-tokens <n>', 'tokens to write', integerIn('new tokens', 2), 24),

  async run(options) {
    const { quick, quiet, newTokens } = options
    const prompts = quick ? options.prompts.slice(0, 1) : options.prompts
    const runs = quick ? QUICK_RUNS : USUAL_RUNS
    return withBackend(options, async (ops) => {
      const threads = threadsOf(ops)
      const roofline = await measureRoofline({ threads, quick })
      const { gpt2 } = await openModel(options.model, ops, options)
      if (ops.name !== 'reference') {
        const reference = await openModel(options.model, await createBackend('reference'), options)
        for (const length of prompts) await verifyText(gpt2, reference.gpt2, spreadIds(gpt2.config, length))
      }
      const row = (work: string, shape: string, tokens: number, samples: number[]) => {
        const name = { work, shape, backend: ops.name, mode: ops.mode, threads }
        return makeRow(name, samples, passCost(gpt2.config, tokens), roofline.ceiling(threads))
      }
      const rows = [...roofline.rows]
      const total = prompts.length * runs * newTokens
      using progress = createProgress({ label: 'generating', total, unit: 'tokens', quiet })
      for (const length of prompts) {
        const prompt = spreadIds(gpt2.config, length)
        const [first, later]: number[][] = [[], []]
        for (let text = 0; text < runs; text++) {
          const { times } = await writeGreedily(gpt2, prompt, newTokens, () => progress.step())
          first.push(times[0])
          later.push(...times.slice(1))
        }
        rows.push(row('prefill', `${length}`, length, first), row('decode', `1 after ${length}`, 1, later))
      }
      return { rows }
    })
  },

  summary({ rows }) {
    const decoded = rows.filter(({ work }) => work === 'decode')
    const shares = showRange(decoded.map(({ roofline }) => roofline!))
    const rates = showRange(decoded.map(({ median_ms }) => 1000 / median_ms))
    return `ours is ${shares} times as fast as the roofline allows in decoding: ${rates} tokens a second`
  },
}

async function verifyText(ours: Gpt2, reference: Gpt2, prompt: readonly number[]): Promise<void> {
  const { ids: got } = await writeGreedily(ours, prompt, CHECKED_TOKENS)
  const { ids: expected } = await writeGreedily(reference, prompt, CHECKED_TOKENS)
  if (got.join() !== expected.join())
    throw new Error(
      `${ours.ops.name} (${ours.ops.mode}): after a prompt of ${prompt.length} tokens it writes ` +
        `${got.join(' ')}, the reference ${expected.join(' ')}: nothing is timed`,
    )
}

/** Writes `count` tokens, the most probable each time. -> ids, and milliseconds each took */
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
