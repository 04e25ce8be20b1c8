// Does the most selective feature matter most? Takes the specialists of each kind of text out of GPT-2's residual
// stream, steers with them, and looks at the predictions; random features of the same size stand beside them.
//   npm run ablation                                        the bundled model, offline, half a minute
//   npm run ablation -- --layers 2,4 --generate "def f(x):" one's own layers and prompt
// Prints tables, and a sentence for each finding; writes results.json, CSV and report.html.
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { rowsByCategory } from '../lab/analysis/input.ts'
import { thresholdOption } from '../lab/analysis/analysis-options.ts'
import { defaultThreshold, showThreshold, type ThresholdSpec } from '../lab/analysis/threshold.ts'
import { chooseHooks, threeLayers } from '../lab/models/choose-hooks.ts'
import {
  commandLine,
  createCommand,
  integerIn,
  listOf,
  numberIn,
  positiveInteger,
  runMain,
} from '../lab/cli/cli.ts'
import { layerOf } from '../lab/models/hooks.ts'
import { openModel } from '../lab/models/models.ts'
import { addEngineOptions, withBackend, type EngineOptions } from '../lab/models/engine-options.ts'
import { provenanceLines, provenanceOf } from '../lab/models/provenance.ts'
import { indexLinks, updateResultsIndex } from '../lab/report/results-index.ts'
import { visible } from '../lab/cli/table.ts'
import { loadTexts } from '../lab/texts/texts-node.ts'
import { safeName, writeAllAtomically } from '../lab/cli/write-node.ts'
import { count } from '../lab/report/numbers.ts'
import { correlationsCsv, effectsCsv } from './csv.ts'
import { findings } from './findings.ts'
import { ablate } from './ablate.ts'
import { renderAblationReport } from './ablation-page.ts'
import { summaryTables } from './summary.ts'
import { writeOn } from './continuations.ts'

interface Options extends EngineOptions {
  readonly texts: string
  readonly layers?: readonly number[]
  readonly threshold?: ThresholdSpec
  readonly textsPerCategory?: number
  readonly random: number
  readonly strength: number
  readonly resamples: number
  readonly seed: number
  readonly generate?: string
  readonly tokens: number
  readonly specialists: number
  readonly out?: string
  readonly json?: boolean
}

/** Every tested feature is two passes over every text measured on: at full size that is minutes with few texts, too. */
const SMALL = { texts: 8 }
const FULL_SIZE = { texts: 2, layers: 12 }

const command = addEngineOptions(
  createCommand(
    'ablation',
    'take specialists out of the residual stream, steer with them, and see what changes',
  ),
)
  .option(
    '--texts <path>',
    'JSON (category -> texts), CSV (category,text) or a folder of CATEGORY.txt',
    fileURLToPath(new URL('../lab/texts/texts.json', import.meta.url)),
  )
  .option(
    '--layers <list>',
    'layers, e.g. 2,4 (default: three, spread over those with an SAE)',
    listOf('layers', integerIn('layer', 0)),
  )
  .option(
    '--texts-per-category <n>',
    `how many texts of each category to measure on; features are chosen on all (default: ${SMALL.texts}; ${FULL_SIZE.texts} for models of ${FULL_SIZE.layers} layers and more)`,
    positiveInteger('texts-per-category'),
  )
  .option('--random <n>', 'random features beside each specialist', integerIn('random', 0, 100), 2)
  .option(
    '--strength <x>',
    'steering adds this many times what the specialist contributes where it fires',
    numberIn('strength', 0, 1000),
    2,
  )
  .option(
    '--threshold <t>',
    'as in npm start: a number or a quantile (default: 5; q98 for tiny)',
    thresholdOption,
  )
  .option(
    '--generate <prompt>',
    'write on from this, with features turned off and up (default: for each the start of a text in which it fires most)',
  )
  .option('--tokens <n>', 'how many tokens to write', positiveInteger('tokens'), 24)
  .option(
    '--specialists <n>',
    'how many specialists to write with, strongest first',
    integerIn('specialists', 0),
    3,
  )
  .option('--resamples <n>', 'bootstrap draws for each interval', positiveInteger('resamples'), 2000)
  .option('--seed <n>', 'decides all that is drawn at random', integerIn('seed', 0, 2 ** 31), 0)
  .option('--out <folder>', 'where the results go (default: results/ablation/MODEL)')
  .addHelpText(
    'after',
    '\nExamples:\n  npm run ablation\n  npm run ablation -- --layers 4 --random 8 --generate "import "\n  npm run -s ablation -- --json > results.json',
  )
  .parse()

const options = command.opts<Options>()
if (options.out === '') command.error('error: --out needs the name of a folder')

runMain(() => {
  return withBackend(options, async (ops) => {
    const started = performance.now()
    const labelled = await loadTexts(options.texts)
    const model = await openModel(options.model, ops, { ...options, quiet: options.json })
    const hooks = chooseHooks(model, options.layers ?? threeLayers(model))
    const threshold = options.threshold ?? defaultThreshold(model.name)
    const quiet = options.json ?? false
    await model.prepareSaes(hooks)
    const texts = {
      ids: labelled.map(({ text }) => model.tokenize(text)),
      categories: rowsByCategory(labelled),
    }
    const fullSize = model.gpt2.config.nLayers >= FULL_SIZE.layers
    const textsPerCategory = options.textsPerCategory ?? (fullSize ? FULL_SIZE : SMALL).texts
    if (fullSize && options.textsPerCategory === undefined && !quiet)
      console.error(
        `note: effects are measured on ${FULL_SIZE.texts} texts of each category, not ${SMALL.texts}: ${model.name} takes longer for each; --texts-per-category ${SMALL.texts} for more`,
      )
    const measured = await ablate(model, texts, hooks, { ...options, textsPerCategory, threshold }, quiet)
    const hookOf = (layer: number) => hooks.find((hook) => layerOf(hook) === layer)!
    const writing = { ...options, prompt: options.generate }
    const generations = await writeOn(model, texts.ids, measured.features, hookOf, writing, quiet)
    const results = { ...measured, generations }

    const found = findings(results)
    const provenance = await provenanceOf(model, ops, hooks, {
      threshold: `${showThreshold(threshold)}${threshold.kind === 'quantile' ? ' of each layer’s positive token means' : ''}`,
      seed: options.seed,
      command: commandLine('ablation', process.argv.slice(2)),
    })
    const json = JSON.stringify({ provenance, findings: found, ...results }, null, 1)
    const folder = resolve(options.out ?? join('results', 'ablation', safeName(model.name)))
    await writeAllAtomically(folder, {
      'results.json': json + '\n',
      'effects.csv': effectsCsv(results),
      'correlations.csv': correlationsCsv(results),
      'report.html': renderAblationReport({
        provenance,
        links: indexLinks(options.out),
        findings: found,
        results,
      }),
    })
    if (options.out === undefined) await updateResultsIndex('results')
    if (options.json) return console.log(json)
    console.log(`${provenanceLines(provenance)}\n`)
    console.log(`${summaryTables(results)}\n`)
    console.log(`${found.map((finding) => `- ${visible(finding)}`).join('\n')}\n`)
    console.log(
      `${count(results.features.length, 'feature')} of ${count(hooks.length, 'layer')} in ${((performance.now() - started) / 1000).toFixed(1)} s`,
    )
    console.log(`report: ${pathToFileURL(join(folder, 'report.html')).href}`)
    console.log(`data:   ${folder}: results.json, effects.csv, correlations.csv`)
  })
})
