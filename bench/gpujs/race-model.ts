// GPT-2 small at full size on one backend: a prompt, then one token at a time.
import { readFile } from 'node:fs/promises'
import type { Backend } from '../../engine/backend.ts'
import { createBackend } from '../../engine/backends.ts'
import { createProgress } from '../../experiments/lab/cli/progress.ts'
import { gpt2Small } from '../../gpt2/config.ts'
import { loadGpt2, run } from '../../gpt2/model.ts'
import { syntheticWeights } from '../../gpt2/synthetic/weights.ts'
import { writeGreedily } from '../generate.ts'
import { passCost, spreadIds } from '../model-pass.ts'
import { makeRow, threadsOf, type Ceiling, type GpuUse, type Row } from '../rows.ts'
import { countGpuCalls, type GpuCalls } from './count-gpu-calls.ts'
import { checkLogits, type Reference } from './prefill.ts'

/** How much is computed: full size, or so little that software finishes it in minutes. */
export interface RaceSizes {
  readonly prefill: number // tokens
  readonly encode: number // tokens
  readonly decode: number // tokens, one after the other
  readonly rounds: number
}

/** How many tokens must equal those that wasm writes. */
const CHECKED = 3

/**
 * Rows `prefill` and `decode`, and what each asks of WebGPU. The logits are first checked against the float64 reference, and the written
 * tokens against those of wasm. @throws where they differ
 */
export async function timeModel(
  ops: Backend,
  { prefill, decode, rounds }: RaceSizes,
  quiet: boolean,
  ceiling: Ceiling,
): Promise<{ rows: Row[]; gpu: GpuUse[] }> {
  using progress = createProgress({ label: 'GPT-2 small', total: 2 + rounds, unit: 'steps', quiet })
  using model = await loadGpt2(ops, syntheticWeights(), gpt2Small)
  const url = new URL('../../test/reference/synthetic/reference.json', import.meta.url)
  await checkLogits(model, JSON.parse(await readFile(url, 'utf8')) as Reference)
  progress.step()
  const short = spreadIds(gpt2Small, 4)
  const pass = await countGpuCalls(() => run(model, [short], { logits: async () => {} }, { lastOnly: true }))
  const first = await countGpuCalls(() => writeGreedily(model, short, 1))
  let got: readonly number[] = []
  const all = await countGpuCalls(
    async () => void ({ ids: got } = await writeGreedily(model, short, CHECKED)),
  )
  const expected = await onWasm(short)
  if (got.join() !== expected.join())
    throw new Error(
      `${ops.name} (${ops.mode}): wrong result, nothing is timed: it writes ${got.join(' ')}, wasm ${expected.join(' ')}`,
    )
  progress.step()
  const prompt = spreadIds(gpt2Small, prefill)
  const [prompts, tokens]: number[][] = [[], []]
  for (let round = 0; round < rounds; round++) {
    const { times } = await writeGreedily(model, prompt, 1 + decode)
    prompts.push(times[0])
    tokens.push(...times.slice(1))
    progress.step()
  }
  const row = (work: string, shape: string, samples: readonly number[], count: number) => {
    const name = { work: `race: ${work}`, shape, backend: ops.name, mode: ops.mode, threads: threadsOf(ops) }
    return makeRow(name, samples, passCost(gpt2Small, count), ceiling)
  }
  const later: GpuCalls = {
    submissions: (all.submissions - first.submissions) / (CHECKED - 1),
    read_backs: (all.read_backs - first.read_backs) / (CHECKED - 1),
  }
  const use = (work: string, calls: GpuCalls): GpuUse => ({
    ...{ work: `race: ${work}`, shape: 'GPT-2 small', backend: ops.name },
    ...calls,
  })
  return {
    rows: [row('prefill', `${prefill}`, prompts, prefill), row('decode', `1 after ${prefill}`, tokens, 1)],
    gpu: [
      use('forward pass to the last token’s logits', pass),
      use('prefill, its next token chosen', first),
      use('decode, its next token chosen', later),
    ],
  }
}

async function onWasm(prompt: readonly number[]): Promise<number[]> {
  await using wasm = await createBackend('wasm')
  using model = await loadGpt2(wasm, syntheticWeights(), gpt2Small)
  return (await writeGreedily(model, prompt, CHECKED)).ids
}
