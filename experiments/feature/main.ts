// What does a feature of an SAE mean: what makes it fire, what does it promote, and which features are like it?
//   npm run feature -- --layer 4 --feature 12                 the bundled model, offline
//   npm run feature -- --layer 4 --feature 12,34 --texts mine.csv
//   npm run feature -- --layer 4 --feature 12 --corpus results/corpus/mine   also what a corpus says of it
//   npm run feature -- --model gpt2 --layer 8 --feature 5807  fetched, with the link to Neuronpedia
// Prints one card per feature; writes results.json, tokens.csv and report.html into one folder per feature.
import { chooseHooks, nextHook } from '../lab/models/choose-hooks.ts'
import type { ExplainedFeature } from '../lab/analysis/features/explain.ts'
import { runExperiment, type Report } from '../lab/run-experiment.ts'
import { textsNamed } from '../lab/texts/named-texts.ts'
import { corpusCards, withCorpus } from '../lab/report/corpus-cards.ts'
import { tokensCsv } from './csv.ts'
import { explainFromTexts } from './explain-from-texts.ts'
import { answer as featureAnswer } from '../lab/report/feature-sentences.ts'
import { renderFeatureReport } from './feature-page.ts'
import { terminalCard, wantsColour } from './terminal.ts'
import { command, type Options } from './options.ts'

runExperiment<Options>(command, {
  name: 'feature',
  texts: textsNamed,
  hooks(model, { layer }) {
    const [hook] = chooseHooks(model, [layer])
    const next = nextHook(model, hook)
    return next === undefined ? [hook] : [hook, next]
  },
  cards: ([hook]) => [hook],
  async run({ options, model, hooks, labelled, ids, tokenTexts, corpus, quiet }) {
    const features = [...new Set(options.feature)]
    const explained = await explainFromTexts(model, ids, hooks, features, quiet)
    const inCorpus = await corpusCards(corpus, explained)
    const texts = labelled.map((text, row) => ({ ...text, tokens: ids[row].length - 1 }))
    const resultsOf = (found: readonly ExplainedFeature[]) => ({
      features: withCorpus(
        found.map(({ dashboard }) => dashboard),
        inCorpus,
      ),
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
        answer: featureAnswer(one.dashboard),
        place: placeOf(feature),
        results: resultsOf([one]),
        tables: { 'tokens.csv': tokensCsv(one.column, tokenTexts) },
        page: (made) =>
          renderFeatureReport({
            ...{ ...made, explained: one, texts: tokenTexts, inCorpus: inCorpus(one.dashboard) },
            links: [...made.links, ...others],
          }),
        text: [terminalCard(one, tokenTexts, colour, inCorpus(one.dashboard))],
        styled: colour,
      }
    })
    return {
      question: 'What does this feature fire on, and what does it say to the next word?',
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
