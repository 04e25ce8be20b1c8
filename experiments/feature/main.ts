// What does a feature of an SAE mean: what makes it fire, what does it promote, and which features are like it?
//   npm run feature -- --layer 4 --feature 12                 the bundled model, offline
//   npm run feature -- --layer 4 --feature 12,34 --texts mine.csv
//   npm run feature -- --model gpt2 --layer 8 --feature 5807  fetched, with the link to Neuronpedia
// Prints a card a feature; writes results.json, tokens.csv and report.html into a folder each.
import { textsOption, type TextOptions } from '../lab/analysis/analysis-options.ts'
import { chooseHooks, nextHook } from '../lab/models/choose-hooks.ts'
import type { ExplainedFeature } from '../lab/analysis/features/explain.ts'
import { createCommand, integerIn, listOf } from '../lab/cli/cli.ts'
import { addEngineOptions } from '../lab/models/engine-options.ts'
import { runExperiment, type ExperimentOptions, type Report } from '../lab/run-experiment.ts'
import { textsNamed } from '../lab/texts/named-texts.ts'
import { tokensCsv } from './csv.ts'
import { explainFromTexts } from './explain-from-texts.ts'
import { renderFeatureReport } from './feature-page.ts'
import { terminalCard, wantsColour } from './terminal.ts'

interface Options extends ExperimentOptions, TextOptions {
  readonly layer: number
  readonly feature: readonly number[]
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
    textsOption('as for npm start: JSON, CSV, a folder, or the word published', 'those of npm start'),
  )
  .option('--out <folder>', 'where the folders of results go (default: results/feature/MODEL)')
  .addHelpText(
    'after',
    '\nExamples:\n  npm run feature -- --layer 4 --feature 12\n  npm run -s feature -- --layer 4 --feature 12,34 --json > features.json',
  )
  .parse()

runExperiment<Options>(command, {
  name: 'feature',
  texts: textsNamed,
  hooks(model, { layer }) {
    const [hook] = chooseHooks(model, [layer])
    const next = nextHook(model, hook)
    return next === undefined ? [hook] : [hook, next]
  },
  async run({ options, model, hooks, labelled, ids, tokenTexts, quiet }) {
    const features = [...new Set(options.feature)]
    const explained = await explainFromTexts(model, ids, hooks, features, quiet)
    const texts = labelled.map((text, row) => ({ ...text, tokens: ids[row].length - 1 }))
    const resultsOf = (found: readonly ExplainedFeature[]) => ({
      features: found.map(({ dashboard }) => dashboard),
      texts,
    })
    const placeOf = (feature: number) => `${options.layer}-${feature}`
    const linksTo = (others: readonly number[]) =>
      others.map((other) => ({ name: `Feature ${other}`, href: `../${placeOf(other)}/report.html` }))
    const colour = wantsColour(process.stdout, process.env)
    const reports = explained.map((one): Report => {
      const { feature } = one.dashboard
      const others = linksTo(features.filter((other) => other !== feature))
      return {
        place: placeOf(feature),
        results: resultsOf([one]),
        tables: { 'tokens.csv': tokensCsv(one.column, tokenTexts) },
        page: ({ provenance, links }) =>
          renderFeatureReport({
            provenance,
            explained: one,
            texts: tokenTexts,
            links: [...links, ...others],
          }),
        text: [terminalCard(one, tokenTexts, colour)],
        styled: colour,
      }
    })
    return {
      provenance: {
        threshold: 'a feature fires where its activation is above 0',
        pooling: 'none: activations of single tokens',
      },
      hooks: hooks.slice(0, 1),
      results: resultsOf(explained),
      reports,
    }
  },
})
