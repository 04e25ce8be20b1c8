// Which SAE features stand for which kind of text, and how does that change from layer to layer?
// The analysis of "A Black Box Made Less Opaque (part 1)", from text to figures.
//   npm start                                   the bundled model, offline
//   npm start -- --texts mine.csv --layers 2,4  one's own texts
//   npm start -- --model gpt2 --texts published the post itself: fetched, and its figures beside ours
// Prints peaks and specialists by layer, how well the SAEs do, and a verdict on each claim of the post; writes
// results.json, CSV and report.html, which have the rest.
import { Option } from 'commander'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { chooseHooks, usualLayers } from '../lab/models/choose-hooks.ts'
import { commandLine, createCommand, runMain } from '../lab/cli/cli.ts'
import { openModel, piecesOf, type OpenModel } from '../lab/models/models.ts'
import { addEngineOptions, withBackend, type EngineOptions } from '../lab/models/engine-options.ts'
import { provenanceLines, provenanceOf } from '../lab/models/provenance.ts'
import { hubSettings } from '../lab/models/hub/settings.ts'
import { publishedTexts } from '../lab/texts/post-texts.ts'
import { indexLinks, updateResultsIndex } from '../lab/report/results-index.ts'
import { loadTexts } from '../lab/texts/texts-node.ts'
import { safeName, writeAllAtomically } from '../lab/cli/write-node.ts'
import { briefFigures } from '../lab/analysis/features/explain.ts'
import { compareLayers } from './compare-layers.ts'
import { categoriesCsv, firingCsv } from './csv.ts'
import { rowsByCategory } from '../lab/analysis/input.ts'
import { withStatistics } from '../lab/analysis/layer-statistics.ts'
import type { Draws } from '../lab/analysis/null-model.ts'
import { addDrawOptions, addLayerOptions, drawsOf } from '../lab/analysis/analysis-options.ts'
import { analyseTexts } from '../lab/analysis/analyse-texts.ts'
import { postLayers, replicate, replicationTable } from '../lab/analysis/replication.ts'
import { claimsText, publishedClaims } from './post-claims.ts'
import { measureQuality, type QualityOptions } from './quality.ts'
import { renderBlackBoxReport } from './black-box-page.ts'
import { qualityLines, summaryTables } from './summary.ts'
import {
  POST_THRESHOLD,
  defaultThreshold,
  showThreshold,
  type ThresholdSpec,
} from '../lab/analysis/threshold.ts'
import { showVerdict, verdicts } from './verdicts.ts'

interface Options extends EngineOptions, Draws, QualityOptions {
  readonly texts: string
  readonly layers?: readonly number[]
  readonly threshold?: ThresholdSpec
  readonly out?: string
  readonly json?: boolean
}

const command = addLayerOptions(
  addDrawOptions(
    addEngineOptions(
      createCommand(
        'start',
        'the post’s analysis: which features stand for which kind of text, layer by layer',
      ),
    ),
  ).addOption(
    new Option(
      '--texts <path>',
      'JSON (category -> texts), CSV (category,text), a folder of CATEGORY.txt, or the word published: the post’s own 70, fetched',
    ).default(
      fileURLToPath(new URL('../lab/texts/texts.json', import.meta.url)),
      'our own, seven categories of 20',
    ),
  ),
)
  .option('--quality', 'measure how well the SAEs do on all texts (default: on some, where that is cheap)')
  .option('--no-quality', 'leave that out')
  .option(
    '--held-out <file>',
    'measure that on a .txt file too, whose paragraphs are documents: a blank line between two',
  )
  .option('--out <folder>', 'where the results go (default: results/black-box/MODEL)')
  .addHelpText(
    'after',
    '\nExamples:\n  npm start\n  npm start -- --texts mine.csv --layers 2,4 --threshold q99\n  npm -s start -- --json > results.json',
  )
  .parse()

const options = command.opts<Options>()
if (options.out === '') command.error('error: --out needs the name of a folder')
if (options.heldOut !== undefined && options.quality === false)
  command.error('error: --held-out is a text to measure on, which --no-quality leaves out: give one of them')

runMain(() => {
  return withBackend(options, async (ops) => {
    const started = performance.now()
    const labelled =
      options.texts === 'published'
        ? await publishedTexts(await hubSettings(process.env, options))
        : await loadTexts(options.texts)
    const model = await openModel(options.model, ops, { ...options, quiet: options.json })
    const ids = labelled.map(({ text }) => model.tokenize(text))
    const hooks = chooseHooks(model, options.layers ?? usualLayers(model, postLayers))
    const spec = options.threshold ?? defaultThreshold(model.name)
    await model.prepareSaes(hooks)
    const categories = rowsByCategory(labelled)
    const quiet = options.json ?? false
    const results = await analyseTexts(model, ids, categories, hooks, spec, quiet)
    const quality = await measureQuality(model, ids, hooks, options, quiet)
    const inputs = results.map(({ result }) => ({ ...result, quality: quality.layers.get(result.hook) }))
    const layers = withStatistics(inputs, categories, drawsOf(options))
    const found = verdicts(layers)
    const provenance = await provenanceOf(model, ops, hooks, {
      seed: options.seed,
      threshold: `${showThreshold(spec)}${spec.kind === 'quantile' ? ' of each layer’s positive token means' : ''}`,
      command: commandLine('start', process.argv.slice(2)),
    })
    const texts = labelled.map((text, row) => ({ ...text, tokens: ids[row].length - 1 }))
    const changes = compareLayers(layers)
    const replication = isReplication(options, model, spec) ? replicate(layers) : []
    const claims = replication.length > 0 ? publishedClaims(found) : []
    const all = {
      provenance,
      verdicts: found,
      sae_quality: quality.note,
      replication,
      claims,
      texts,
      layers,
      changes,
      features: results.flatMap(({ explained }) => briefFigures(explained)),
    }
    const json = JSON.stringify(all, null, 1)
    const report = renderBlackBoxReport({
      provenance,
      links: indexLinks(options.out),
      verdicts: found,
      qualityNote: quality.note,
      replication,
      claims,
      layers,
      changes,
      texts: labelled.map(({ category }, row) => ({ category, pieces: piecesOf(model, ids[row]) })),
      explained: results.map(({ explained }) => explained),
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
    if (replication.length > 0) console.log(`${replicationTable(replication)}\n\n${claimsText(claims)}\n`)
    console.log(`${qualityLines(layers, quality.note)}\n`)
    console.log(`${found.map((verdict) => `- ${showVerdict(verdict)}`).join('\n')}\n`)
    console.log(
      `${labelled.length} texts, ${tokens} tokens, ${hooks.length} layers in ${((performance.now() - started) / 1000).toFixed(1)} s`,
    )
    console.log(`report: ${pathToFileURL(join(folder, 'report.html')).href}`)
    console.log(`data:   ${folder}: results.json, categories.csv, firing-texts.csv`)
  })
})

/** Whether the figures can be held to the post's: its model, its texts, its threshold. */
function isReplication({ texts }: Options, model: OpenModel, threshold: ThresholdSpec): boolean {
  const same = showThreshold(threshold) === showThreshold(POST_THRESHOLD)
  return model.name === 'gpt2' && texts === 'published' && same
}
