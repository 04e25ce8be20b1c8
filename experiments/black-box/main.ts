// Which SAE features stand for which kind of text, and how does that change from layer to layer?
// The analysis of "A Black Box Made Less Opaque (part 1)", from text to figures.
//   npm start                                   the bundled model, offline
//   npm start -- --texts mine.csv --layers 2,4  one's own texts
//   npm start -- --model gpt2 --texts published the post itself: fetched, and its figures beside ours
// Prints tables of peak, aggregate and specialist score; writes results.json, CSV and report.html.
import { Option } from 'commander'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { commandLine, createCommand, integerIn, listOf, runMain, UserError } from '../common/cli.ts'
import { layerOf } from '../common/hooks.ts'
import { openModel, piecesOf, type OpenModel } from '../common/models.ts'
import { addEngineOptions, withBackend, type EngineOptions } from '../common/options.ts'
import { provenanceLines, provenanceOf } from '../common/provenance.ts'
import { hubSettings } from '../common/hub/settings.ts'
import { publishedTexts } from '../common/published-texts.ts'
import { updateResultsIndex } from '../common/results-index.ts'
import { loadTexts } from '../common/texts-node.ts'
import { safeName, writeAllAtomically } from '../common/write-node.ts'
import { compareLayers } from './compare-layers.ts'
import { categoriesCsv, firingCsv } from './csv.ts'
import { findings } from './findings.ts'
import { rowsByCategory } from './input.ts'
import { thresholdOption } from './options.ts'
import { analyseTexts } from './pipeline.ts'
import { postLayers, replicate, replicationTable } from './published.ts'
import { renderBlackBoxReport } from './report.ts'
import { summaryTables } from './summary.ts'
import { POST_THRESHOLD, showThreshold, type ThresholdSpec } from './threshold.ts'

interface Options extends EngineOptions {
  readonly texts: string
  readonly layers?: readonly number[]
  readonly threshold?: ThresholdSpec
  readonly out?: string
  readonly json?: boolean
}

/** The bundled model's activations have another scale than GPT-2's: a share of them instead of a number. */
const tinyThreshold: ThresholdSpec = { kind: 'quantile', q: 0.98 }

const command = addEngineOptions(
  createCommand('start', 'the post’s analysis: which features stand for which kind of text, layer by layer'),
)
  .addOption(
    new Option(
      '--texts <path>',
      'JSON (category -> texts), CSV (category,text), a folder of CATEGORY.txt, or the word published: the post’s own 70, fetched',
    ).default(fileURLToPath(new URL('texts.json', import.meta.url)), 'our own, seven categories of 20'),
  )
  .option(
    '--layers <list>',
    'layers, e.g. 2,4 (default: all with an SAE; 6,8,10,11 at full size)',
    listOf('layers', integerIn('layer', 0)),
  )
  .option(
    '--threshold <t>',
    'a number, or a quantile of the positive means of a layer such as q99 (default: 5; q98 for tiny)',
    thresholdOption,
  )
  .option('--out <folder>', 'where the results go (default: results/black-box/MODEL)')
  .addHelpText(
    'after',
    '\nExamples:\n  npm start\n  npm start -- --texts mine.csv --layers 2,4 --threshold q99\n  npm -s start -- --json > results.json',
  )
  .parse()

const options = command.opts<Options>()
if (options.out === '') command.error('error: --out needs the name of a folder')

runMain(() => {
  return withBackend(options, async (ops) => {
    const started = performance.now()
    const labelled =
      options.texts === 'published'
        ? await publishedTexts(await hubSettings(process.env, options))
        : await loadTexts(options.texts)
    const model = await openModel(options.model, ops, { ...options, quiet: options.json })
    const ids = labelled.map(({ text }) => model.tokenize(text))
    const hooks = chooseHooks(model, options.layers)
    const spec = options.threshold ?? (model.name === 'tiny' ? tinyThreshold : POST_THRESHOLD)
    await model.prepareSaes(hooks)
    const results = await analyseTexts(
      model,
      ids,
      rowsByCategory(labelled),
      hooks,
      spec,
      options.json ?? false,
    )

    const layers = results.map(({ analysis }) => analysis)
    const found = findings(layers)
    const provenance = await provenanceOf(model, ops, hooks, {
      threshold: `${showThreshold(spec)}${spec.kind === 'quantile' ? ' of each layer’s positive token means' : ''}`,
      command: commandLine('start', process.argv.slice(2)),
    })
    const texts = labelled.map((text, row) => ({ ...text, tokens: ids[row].length - 1 }))
    const changes = compareLayers(layers)
    const replication = isReplication(options, model, spec) ? replicate(layers) : []
    const json = JSON.stringify({ provenance, findings: found, replication, texts, layers, changes }, null, 1)
    const report = renderBlackBoxReport({
      provenance,
      findings: found,
      replication,
      layers,
      changes,
      texts: labelled.map(({ category }, row) => ({ category, pieces: piecesOf(model, ids[row]) })),
      highlights: results.map(({ highlights }) => highlights),
    })
    const folder = resolve(options.out ?? join('results', 'black-box', safeName(model.name)))
    await writeAllAtomically(folder, {
      'results.json': json + '\n',
      'categories.csv': categoriesCsv(layers),
      'firing-texts.csv': firingCsv(layers, labelled),
      'report.html': report,
    })
    if (options.out === undefined) await updateResultsIndex('results')
    if (options.json) return console.log(json)
    const tokens = ids.reduce((sum, text) => sum + text.length - 1, 0)
    console.log(`${provenanceLines(provenance)}\n`)
    console.log(`${summaryTables(layers)}\n`)
    if (replication.length > 0) console.log(`${replicationTable(replication)}\n`)
    console.log(`${found.map((finding) => `- ${finding}`).join('\n')}\n`)
    console.log(
      `${labelled.length} texts, ${tokens} tokens, ${hooks.length} layers in ${((performance.now() - started) / 1000).toFixed(1)} s`,
    )
    console.log(`report: ${pathToFileURL(join(folder, 'report.html')).href}`)
    console.log(`data:   ${folder}: results.json, categories.csv, firing-texts.csv`)
  })
})

/** The hooks of the layers asked for, in the model's order. Of several SAEs at one layer, the one at its input, as in the post. */
function chooseHooks(model: OpenModel, layers?: readonly number[]): string[] {
  const hooks = [...Map.groupBy(model.saeHooks, layerOf).values()].map(
    (hooks) => hooks.find((hook) => hook.endsWith('.hook_resid_pre')) ?? hooks[0],
  )
  const there = hooks.map(layerOf)
  if (there.length === 0) throw new UserError(`there are no SAEs beside the model ${model.name}`)
  const full = model.gpt2.config.nLayers === 12 && postLayers.every((layer) => there.includes(layer))
  const wanted = layers ?? (full ? postLayers : there)
  const missing = wanted.filter((layer) => !there.includes(layer))
  if (missing.length > 0)
    throw new UserError(
      `no SAE for layer ${missing.join(', ')} of ${model.name}; there are layers ${there.join(', ')}`,
    )
  return hooks.filter((hook) => wanted.includes(layerOf(hook)))
}

/** Whether the figures can be held to the post's: its model, its texts, its threshold. */
function isReplication({ texts }: Options, model: OpenModel, threshold: ThresholdSpec): boolean {
  const same = showThreshold(threshold) === showThreshold(POST_THRESHOLD)
  return model.name === 'gpt2' && texts === 'published' && same
}
