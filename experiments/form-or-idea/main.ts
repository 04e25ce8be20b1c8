// Do SAE features follow what a text says, or how it looks? The same ideas as formulas, in words and as code.
// After part 2 of "A Black Box Made Less Opaque".
//   npm run form-or-idea                        the bundled model, offline
//   npm run form-or-idea -- --layers 1,4        some of its layers
// Prints two tables, a line a layer, and the answer in a sentence; writes results.json, CSV and report.html.
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { addLayerOptions } from '../lab/analysis/analysis-options.ts'
import { postLayers } from '../lab/analysis/replication.ts'
import { defaultThreshold, showThreshold, type ThresholdSpec } from '../lab/analysis/threshold.ts'
import { chooseHooks, usualLayers } from '../lab/models/choose-hooks.ts'
import { commandLine, createCommand, integerIn, positiveInteger, runMain } from '../lab/cli/cli.ts'
import { openModel, piecesOf } from '../lab/models/models.ts'
import { addEngineOptions, withBackend, type EngineOptions } from '../lab/models/engine-options.ts'
import { provenanceLines, provenanceOf } from '../lab/models/provenance.ts'
import { indexLinks, updateResultsIndex } from '../lab/report/results-index.ts'
import { safeName, writeAllAtomically } from '../lab/cli/write-node.ts'
import { briefFigures } from '../lab/analysis/features/explain.ts'
import { count } from '../lab/report/numbers.ts'
import { analyseModel, compareCells, tokenShares } from './analysis.ts'
import { answers, overallAnswer } from './answer.ts'
import { pairsCsv, specialistsCsv } from './csv.ts'
import { createDesign } from './design.ts'
import { renderFormOrIdeaReport } from './form-or-idea-page.ts'
import { summaryTables } from './table.ts'
import matchedTexts from './texts.json' with { type: 'json' }

interface Options extends EngineOptions {
  readonly layers?: readonly number[]
  readonly threshold?: ThresholdSpec
  readonly top: number
  readonly permutations: number
  readonly seed: number
  readonly out?: string
  readonly json?: boolean
}

const command = addLayerOptions(
  addEngineOptions(
    createCommand(
      'form-or-idea',
      'do features follow what a text says, or how it is written? Layer by layer',
    ),
  ),
)
  .option('--top <k>', 'strongest features of each set that are compared', positiveInteger('top'), 20)
  .option('--permutations <n>', 'shuffles of the labels', integerIn('permutations', 1, 1e6), 1000)
  .option('--seed <n>', 'decides the shuffles', integerIn('seed', 0, 2 ** 32 - 1), 0)
  .option('--out <folder>', 'where the results go (default: results/form-or-idea/MODEL)')
  .addHelpText(
    'after',
    '\nExamples:\n  npm run form-or-idea\n  npm run form-or-idea -- --layers 2,4 --permutations 10000\n  npm run -s form-or-idea -- --json > results.json',
  )
  .parse()

const options = command.opts<Options>()
if (options.out === '') command.error('error: --out needs the name of a folder')

runMain(() =>
  withBackend(options, async (ops) => {
    const started = performance.now()
    const { json: quiet = false, seed, permutations, top } = options
    const design = createDesign(matchedTexts)
    const model = await openModel(options.model, ops, { ...options, quiet })
    const hooks = chooseHooks(model, options.layers ?? usualLayers(model, postLayers))
    await model.prepareSaes(hooks)
    const ids = design.texts.map((text) => model.tokenize(text))
    const pieces = ids.map((text) => piecesOf(model, text))
    const threshold = options.threshold ?? defaultThreshold(model.name)
    const settings = { seed, permutations, top, threshold, quiet }
    const analysed = await analyseModel(model, ids, hooks, design, settings)

    const tokens = compareCells(tokenShares(ids, model.gpt2.config.dVocab), design, settings)
    const layers = analysed.map(({ result }) => result)
    const asked = [{ layer: null, ...tokens }, ...layers]
    const found = answers(asked)
    const answer = overallAnswer(asked, found)
    const provenance = await provenanceOf(model, ops, hooks, {
      threshold: `${showThreshold(threshold)}${threshold.kind === 'quantile' ? ' of each layer’s positive token means' : ''}`,
      seed,
      command: commandLine('form-or-idea', process.argv.slice(2)),
    })
    const { topics, forms, ideas } = design
    const features = analysed.flatMap(({ explained }) => briefFigures(explained))
    const results = {
      provenance,
      answer,
      answers: found,
      permutations,
      topics,
      forms,
      ideas,
      tokens,
      layers,
      features,
    }
    const json = JSON.stringify({ ...results, texts: design.texts }, null, 1)
    const folder = resolve(options.out ?? join('results', 'form-or-idea', safeName(model.name)))
    await writeAllAtomically(folder, {
      'results.json': json + '\n',
      'pairs.csv': pairsCsv(design, tokens, layers),
      'specialists.csv': specialistsCsv(layers),
      'report.html': renderFormOrIdeaReport({
        provenance,
        links: indexLinks(options.out),
        answer,
        answers: found,
        design,
        tokens,
        analysed,
        pieces,
      }),
    })
    if (options.out === undefined) await updateResultsIndex('results')
    if (quiet) return console.log(json)
    console.log(`${provenanceLines(provenance)}\n`)
    console.log(`${summaryTables(tokens, layers, found, design)}\n`)
    console.log(`${answer}\n`)
    const seconds = ((performance.now() - started) / 1000).toFixed(1)
    console.log(
      `${design.texts.length} texts, ${ids.flat().length - ids.length} tokens, ${count(hooks.length, 'layer')} in ${seconds} s`,
    )
    console.log(`report: ${pathToFileURL(join(folder, 'report.html')).href}`)
    console.log(`data:   ${folder}: results.json, pairs.csv, specialists.csv`)
  }),
)
