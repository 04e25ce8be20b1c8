// What does a feature of an SAE mean: what makes it fire, what does it promote, and which features are like it?
//   npm run feature -- --layer 4 --feature 12                 the bundled model, offline
//   npm run feature -- --layer 4 --feature 12,34 --texts mine.csv
//   npm run feature -- --model gpt2 --layer 8 --feature 5807  fetched, with the link to Neuronpedia
// Prints a card a feature; writes results.json, tokens.csv and report.html into a folder each.
import { Option } from 'commander'
import { join, resolve } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { chooseHooks, nextHook } from '../lab/models/choose-hooks.ts'
import { commandLine, createCommand, integerIn, listOf, runMain } from '../lab/cli/cli.ts'
import { hubSettings } from '../lab/models/hub/settings.ts'
import { openModel, piecesOf } from '../lab/models/models.ts'
import { addEngineOptions, withBackend, type EngineOptions } from '../lab/models/engine-options.ts'
import { provenanceLines, provenanceOf } from '../lab/models/provenance.ts'
import { publishedTexts } from '../lab/texts/post-texts.ts'
import { indexLinks, updateResultsIndex } from '../lab/report/results-index.ts'
import { loadTexts } from '../lab/texts/texts-node.ts'
import { safeName, writeAllAtomically } from '../lab/cli/write-node.ts'
import { tokensCsv } from './csv.ts'
import { explainFromTexts } from './explain-from-texts.ts'
import { renderFeatureReport } from './feature-page.ts'
import { terminalCard, wantsColour } from './terminal.ts'

interface Options extends EngineOptions {
  readonly layer: number
  readonly feature: readonly number[]
  readonly texts: string
  readonly out?: string
  readonly json?: boolean
}

const command = addEngineOptions(
  createCommand('feature', 'what a feature means: what it fires on, what it promotes, what is like it'),
)
  .requiredOption('--layer <n>', 'the layer whose SAE it is of (required)', integerIn('layer', 0))
  .requiredOption(
    '--feature <list>',
    'its number, or several: 12,34 (required)',
    listOf('feature', integerIn('feature', 0)),
  )
  .addOption(
    new Option('--texts <path>', 'as for npm start: JSON, CSV, a folder, or the word published').default(
      fileURLToPath(new URL('../lab/texts/texts.json', import.meta.url)),
      'those of npm start',
    ),
  )
  .option('--out <folder>', 'where the folders of results go (default: results/feature/MODEL)')
  .addHelpText(
    'after',
    '\nExamples:\n  npm run feature -- --layer 4 --feature 12\n  npm run -s feature -- --layer 4 --feature 12,34 --json > features.json',
  )
  .parse()

const options = command.opts<Options>()
if (options.out === '') command.error('error: --out needs the name of a folder')

runMain(() => {
  return withBackend(options, async (ops) => {
    const labelled =
      options.texts === 'published'
        ? await publishedTexts(await hubSettings(process.env, options))
        : await loadTexts(options.texts)
    const model = await openModel(options.model, ops, { ...options, quiet: options.json })
    const [hook] = chooseHooks(model, [options.layer])
    const next = nextHook(model, hook)
    const hooks = next === undefined ? [hook] : [hook, next]
    await model.prepareSaes(hooks)
    const ids = labelled.map(({ text }) => model.tokenize(text))
    const features = [...new Set(options.feature)]
    const explained = await explainFromTexts(model, ids, hooks, features, options.json ?? false)

    const provenance = {
      ...(await provenanceOf(model, ops, [hook], {
        threshold: 'a feature fires where its activation is above 0',
        command: commandLine('feature', process.argv.slice(2)),
      })),
      pooling: 'none: activations of single tokens',
    }
    const texts = labelled.map((text, row) => ({ ...text, tokens: ids[row].length - 1 }))
    const shown = labelled.map(({ category }, row) => ({ category, pieces: piecesOf(model, ids[row]) }))
    const toJson = (found: typeof explained) =>
      JSON.stringify({ provenance, features: found.map(({ figures }) => figures), texts }, null, 1)
    const folder = resolve(options.out ?? join('results', 'feature', safeName(model.name)))
    const place = (feature: number) => `${options.layer}-${feature}`
    for (const one of explained) {
      const { feature } = one.figures
      const others = features
        .filter((other) => other !== feature)
        .map((other) => ({ name: `Feature ${other}`, href: `../${place(other)}/report.html` }))
      await writeAllAtomically(join(folder, place(feature)), {
        'results.json': toJson([one]) + '\n',
        'tokens.csv': tokensCsv(one.column, shown),
        'report.html': renderFeatureReport({
          provenance,
          explained: one,
          texts: shown,
          links: [...indexLinks(options.out, 3), ...others],
        }),
      })
    }
    if (options.out === undefined) await updateResultsIndex('results')

    if (options.json) return console.log(toJson(explained))
    console.log(`${provenanceLines(provenance)}\n`)
    const colour = wantsColour(process.stdout, process.env)
    for (const one of explained) {
      console.log(`${terminalCard(one, shown, colour)}\n`)
      console.log(`report: ${pathToFileURL(join(folder, place(one.figures.feature), 'report.html')).href}\n`)
    }
  })
})
