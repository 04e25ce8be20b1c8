// What do SAE features fire on, over a corpus of any size?
//   npm run corpus -- --texts corpus/ --layers 2,4 --out results/corpus/mine
// Reads documents as they come, works shard by shard, and continues where it was stopped. Writes Parquet tables and index.html.
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Sae } from '../../../sae/weights.ts'
import type { LayerRow, Manifest } from '../../lab/analysis/corpus/corpus-format.ts'
import { commandLine, runMain } from '../../lab/cli/cli.ts'
import { print, printJson, printNote } from '../../lab/cli/print.ts'
import { formatTable } from '../../lab/cli/table.ts'
import { checkWritable } from '../../lab/cli/write-node.ts'
import { chooseHooks, usualLayers } from '../../lab/models/choose-hooks.ts'
import { withBackend } from '../../lab/models/engine-options.ts'
import { openModel } from '../../lab/models/models.ts'
import { showNumber } from '../../lab/report/numbers.ts'
import { beginJob, describeJob, hashJob } from './job.ts'
import { indexPath, writeIndex } from './index-page/index-page.ts'
import { command, type Options } from './options.ts'
import { passOver } from './pass.ts'
import { passQueued, queueOptions } from './queue/pass-queued.ts'
import { corpusFiles } from './read/files.ts'
import { writeSaeDashboard } from './result/saedashboard.ts'
import { writeResult } from './result/write-result.ts'
import { memoryBound } from './memory-bound.ts'
import type { Workbench } from './run-shard.ts'
import { checkStore, diskBound } from './store.ts'

const options = command.opts<Options>()

runMain(async () => {
  const { out, json: quiet = false } = options
  await checkWritable(join(out, 'manifest.json'))
  const queued = options.queue === undefined ? undefined : await queueOptions(options.queue, options)
  const { files, passedOver } = await corpusFiles(options.texts)
  if (passedOver.length > 0 && !quiet)
    printNote(`note: ignored ${passedOver.length} files of other kinds: ${passedOver.slice(0, 5).join(', ')}`)
  await withBackend(options, async (ops) => {
    using model = await openModel(options.model, ops, { ...options, quiet })
    const store = [...new Set(options.store)]
    checkStore(store, model)
    const hooks = chooseHooks(model, options.layers ?? usualLayers(model, [0, 2, 4, 6, 8, 10]))
    await model.prepareSaes(hooks)
    const { textColumn: text, labelColumn: label, seed, shardTokens, strict = false } = options
    const settings = { columns: { text, label }, seed, shardTokens, store }
    const job = await describeJob(ops, options.model, hooks, files, settings, options)
    await beginJob(out, job)
    const saes: Sae[] = []
    try {
      for (const hook of hooks) saes.push(await model.openSae(hook))
      if (!quiet) printNote(memoryBound(saes, shardTokens))
      if (!quiet && store.length > 0) printNote(diskBound(store, model))
      const bench: Workbench = { model, saes, job, jobHash: hashJob(job) }
      const started = performance.now()
      const passing = { files, folder: out, strict, quiet }
      const shards = queued
        ? await passQueued(bench, { ...passing, ...queued })
        : await passOver(bench, passing)
      const seconds = (performance.now() - started) / 1000
      const call = commandLine('corpus', process.argv.slice(2))
      const result = await writeResult(bench, shards, { folder: out, command: call, quiet })
      await writeIndex(out)
      if (options.saedashboard) await writeSaeDashboard(out, model, saes)
      show(result, seconds)
    } finally {
      for (const sae of saes) sae[Symbol.dispose]()
    }
  })
})

function show(
  { manifest, layers }: { manifest: Manifest; layers: readonly LayerRow[] },
  seconds: number,
): void {
  if (options.json)
    return printJson({ manifest, layers: layers.map((row) => ({ ...row, tokens: Number(row.tokens) })) }, 1)
  const head = [
    'layer',
    'L0',
    'explained variance',
    'costs, nats',
    'CE recovered',
    'of mean',
    'dead',
    'on > 10 % of tokens',
  ]
  const rows = layers.map((row) => [
    ...[`${row.layer}`, showNumber(row.l0), row.explained_variance.toFixed(3)],
    ...[row.ce_spliced - row.ce_clean, row.ce_recovered, row.ce_recovered_of_mean].map((value) =>
      value.toFixed(3),
    ),
    ...[`${row.dead_features} of ${row.d_sae}`, `${row.dense_features}`],
  ])
  print(formatTable(head, rows))
  const { documents, tokens, bad_input, files } = manifest.texts
  print(`${documents} documents, ${tokens} tokens of ${files.length} files in ${seconds.toFixed(1)} s`)
  if (bad_input > 0)
    print(`bad input, left out: ${bad_input}, listed in ${join(options.out, 'bad-input.csv')}`)
  print(`index: ${pathToFileURL(indexPath(options.out)).href}`)
}
