// `bench corpus`: a shard of `npm run corpus`, from its texts to its file, beside the forward pass and the encoders alone.
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createRandom } from '../engine/random.ts'
import { integerIn, listOf, positiveInteger } from '../experiments/lab/cli/cli.ts'
import { createProgress } from '../experiments/lab/cli/progress.ts'
import { chooseHooks } from '../experiments/lab/models/choose-hooks.ts'
import {
  addEngineOptions,
  withBackend,
  type EngineOptions,
} from '../experiments/lab/models/engine-options.ts'
import { batches, eventsHandled } from '../experiments/lab/models/features.ts'
import { openModel } from '../experiments/lab/models/models.ts'
import { fromCategories } from '../experiments/lab/texts/texts.ts'
import texts from '../experiments/lab/texts/texts.json' with { type: 'json' }
import { START, type Shard } from '../experiments/tools/corpus/cut.ts'
import { describeJob, hashJob } from '../experiments/tools/corpus/job.ts'
import { corpusFiles, type CorpusFile } from '../experiments/tools/corpus/read/files.ts'
import { shardsFrom } from '../experiments/tools/corpus/pass.ts'
import { runShard, type Workbench } from '../experiments/tools/corpus/run-shard.ts'
import { BLOCK, openShard } from '../experiments/tools/corpus/shard-file-node.ts'
import { run } from '../gpt2/model.ts'
import type { Hook } from '../gpt2/hooks.ts'
import type { SparseRows } from '../engine/sparse.ts'
import { encode } from '../sae/encoder.ts'
import type { Sae } from '../sae/weights.ts'
import { showRange, type Benchmark } from './benchmark.ts'
import { makeRow, noCost, threadsOf } from './rows.ts'

interface CorpusOptions extends EngineOptions {
  readonly layers: readonly number[]
  readonly shardTokens: number
  readonly rounds: number
}

const ALONE = 'forward and encoders'
const WHOLE = 'corpus shard'
const QUICK_TOKENS = 8192
/** What `npm run corpus` takes. */
const USUAL_TOKENS = 131_072

export const corpus: Benchmark<CorpusOptions> = {
  name: 'corpus',
  description: 'a shard of npm run corpus beside the model alone',
  addOptions: (command) =>
    addEngineOptions(command)
      .option(
        '--layers <list>',
        'layers whose SAEs are read',
        listOf('layers', integerIn('layer', 0)),
        [2, 4],
      )
      .option('--shard-tokens <n>', 'tokens of a shard', positiveInteger('shard-tokens'), USUAL_TOKENS)
      .option('--rounds <n>', 'how often each is run (quick: twice)', positiveInteger('rounds'), 3),

  async run(options) {
    const { quick, quiet, layers } = options
    const shardTokens = quick ? QUICK_TOKENS : options.shardTokens
    const rounds = quick ? 2 : options.rounds
    const folder = await mkdtemp(join(tmpdir(), 'bench-corpus-'))
    try {
      return await withBackend(options, async (ops) => {
        using model = await openModel(options.model, ops, options)
        const hooks = chooseHooks(model, layers)
        await model.prepareSaes(hooks)
        const saes = await Promise.all(hooks.map((hook) => model.openSae(hook)))
        const files = await writeTexts(join(folder, 'texts.jsonl'), shardTokens)
        const settings = { columns: { text: 'text', label: 'category' }, seed: 0, shardTokens, store: [] }
        const job = await describeJob(ops, options.model, hooks, files, settings, options)
        const bench: Workbench = { model, saes, job, jobHash: hashJob(job) }
        const path = join(folder, 'shard.parquet')
        const shard = await wholeShard(bench, files, path)
        await verify(bench, shard, path)
        const samples: Record<string, number[]> = { [ALONE]: [], [WHOLE]: [] }
        using progress = createProgress({ label: 'measuring', total: 2 * rounds, unit: 'shards', quiet })
        for (let round = 0; round < rounds; round++)
          for (const [work, once] of [
            [ALONE, () => encodeAlone(bench, shard)],
            [WHOLE, () => wholeShard(bench, files, path)],
          ] as const) {
            const start = performance.now()
            await once()
            samples[work].push(performance.now() - start)
            progress.step()
          }
        for (const sae of saes) sae[Symbol.dispose]()
        const of = { backend: ops.name, mode: ops.mode, threads: threadsOf(ops), shape: `${shard.tokens}` }
        return { rows: Object.keys(samples).map((work) => makeRow({ ...of, work }, samples[work], noCost)) }
      })
    } finally {
      await rm(folder, { recursive: true })
    }
  },

  summary({ rows }) {
    const [alone, whole] = [ALONE, WHOLE].map((work) => rows.find((row) => row.work === work)!)
    const rate = (1000 * Number(whole.shape)) / whole.median_ms
    return `ours is ${showRange([alone.median_ms / whole.median_ms])} times as fast as its forward pass and encoders alone: ${rate.toFixed(0)} tokens a second`
  },
}

/** Documents of 20 bundled texts each, drawn repeatedly. A token has about two bytes; five per token are enough for a shard. */
async function writeTexts(path: string, tokens: number): Promise<readonly CorpusFile[]> {
  const bundled = fromCategories(texts)
  const random = createRandom(1)
  const lines: string[] = []
  for (let bytes = 0; bytes < 5 * tokens;) {
    const { category } = bundled[Math.floor(random.number() * bundled.length)]
    const few = Array.from({ length: 20 }, () => bundled[Math.floor(random.number() * bundled.length)].text)
    const text = few.join('\n')
    bytes += text.length
    lines.push(JSON.stringify({ text, category }))
  }
  await writeFile(path, `${lines.join('\n')}\n`)
  return (await corpusFiles(path)).files
}

/** From the first shard's texts to its file. */
async function wholeShard(bench: Workbench, files: readonly CorpusFile[], path: string): Promise<Shard> {
  for await (const shard of shardsFrom(bench, files, { index: 0, cursor: START })) {
    await runShard(bench, shard, path, () => {})
    return shard
  }
  throw new Error('bench corpus: the texts have no shard')
}

/** Only the same windows through the model and its SAEs. onFeatures: given each SAE's features on each batch, BOS included */
async function encodeAlone(
  { model, saes }: Workbench,
  { windows }: Shard,
  onFeatures: (sae: number, features: SparseRows, lengths: number[]) => void = () => {},
): Promise<void> {
  for (const batch of batches(windows.map(({ ids }) => ids))) {
    const hooks: Record<string, Hook> = {}
    for (const [i, sae] of saes.entries())
      hooks[sae.config.hookName] = async (x, ops) =>
        onFeatures(
          i,
          await encode(ops, sae, x),
          batch.map(({ length }) => length),
        )
    await run(model.gpt2, batch, hooks)
    await eventsHandled()
  }
}

/** @throws if the shard's file differs from the pass alone in a feature's firings, or in their sum */
async function verify(bench: Workbench, shard: Shard, path: string): Promise<void> {
  const sums = bench.saes.map(({ config }: Sae) => new Float64Array(config.dSae))
  const firings = bench.saes.map(({ config }: Sae) => new Float64Array(config.dSae))
  await encodeAlone(bench, shard, (sae, { offsets, indices, values }, lengths) => {
    let row = 0
    for (const length of lengths) {
      for (let i = offsets[row + 1]; i < offsets[row + length]; i++) {
        sums[sae][indices[i]] += values[i]
        firings[sae][indices[i]] += 1
      }
      row += length
    }
  })
  const file = await openShard(path, bench.jobHash)
  for (const [sae, { config }] of bench.saes.entries())
    for (let block = 0; block * BLOCK < config.dSae; block++) {
      const found = new Map((await file.block(sae, block)).map((tally) => [tally.feature, tally]))
      for (let feature = block * BLOCK; feature < Math.min(config.dSae, (block + 1) * BLOCK); feature++) {
        const { firings: count, sum } = found.get(feature) ?? { firings: 0, sum: 0 }
        if (count !== firings[sae][feature] || sum !== sums[sae][feature])
          throw new Error(
            `wrong result: ${config.hookName}, feature ${feature}: ${count} firings of ${sum} in all, expected ${firings[sae][feature]} of ${sums[sae][feature]}: nothing is timed`,
          )
      }
    }
}
