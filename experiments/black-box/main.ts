// Which SAE features stand for which kind of text, and how does that change from layer to layer?
// The analysis of "A Black Box Made Less Opaque (part 1)", from texts to verdicts.
//   npm start                                   the bundled model, offline
//   npm start -- --texts mine.csv --layers 2,4  one's own texts
//   npm start -- --model gpt2 --texts published the post itself: fetched, and its numbers beside ours
// Prints peaks and specialists by layer, how well the SAEs do, and a verdict on each claim of the post; writes
// results.json, CSV and report.html, which have the rest.
import { drawsOf } from '../lab/analysis/analysis-options.ts'
import { analyse } from '../lab/analysis/analyse-texts.ts'
import { briefDashboards } from '../lab/analysis/features/explain.ts'
import { rowsByCategory } from '../lab/analysis/input.ts'
import { withStatisticsShown } from '../lab/analysis/layer-statistics.ts'
import { postLayers, replicate, replicationTable } from '../lab/analysis/replication.ts'
import {
  defaultThreshold,
  describeThreshold,
  POST_THRESHOLD,
  showThreshold,
} from '../lab/analysis/threshold.ts'
import { count } from '../lab/report/numbers.ts'
import { chooseHooks, usualLayers } from '../lab/models/choose-hooks.ts'
import { corpusCards, withCorpus } from '../lab/report/corpus-cards.ts'
import { visibleLine } from '../lab/cli/print.ts'
import { runExperiment } from '../lab/run-experiment.ts'
import { textsNamed } from '../lab/texts/named-texts.ts'
import { renderBlackBoxReport } from './black-box-page.ts'
import { compareLayers } from './compare-layers.ts'
import { categoriesCsv, firingCsv } from './csv.ts'
import { command, type Options } from './options.ts'
import { claimsText, postClaims } from './post-claims.ts'
import { measureQuality } from './quality.ts'
import { qualityLines, summaryTables } from './summary.ts'
import { answerOf, QUESTION, showBriefly, showVerdict, verdicts } from './verdicts.ts'

runExperiment<Options>(command, {
  name: 'black-box',
  script: 'start',
  texts: textsNamed,
  hooks: (model, { layers }) => chooseHooks(model, layers ?? usualLayers(model, postLayers)),
  async run({ options, model, hooks, labelled, ids, tokenTexts, corpus, quiet }) {
    const threshold = options.threshold ?? defaultThreshold(model.name)
    const categories = rowsByCategory(labelled)
    const analysed = await analyse(model, ids, { categories, hooks, threshold, quiet })
    const quality = await measureQuality(model, ids, hooks, options, quiet)
    const inputs = analysed.map(({ result }) => ({ ...result, quality: quality.layers.get(result.hook) }))
    const layers = await withStatisticsShown(inputs, categories, drawsOf(options), quiet)
    const found = verdicts(layers)
    const changes = compareLayers(layers)
    const sameThreshold = showThreshold(threshold) === showThreshold(POST_THRESHOLD)
    const isThePost = model.name === 'gpt2' && options.texts === 'published' && sameThreshold
    const replication = isThePost ? replicate(layers) : []
    const claims = replication.length > 0 ? postClaims(found) : []
    const explained = analysed.map((layer) => layer.explained)
    const inCorpus = await corpusCards(corpus, explained.flat())
    const texts = labelled.map((text, row) => ({ ...text, tokens: ids[row].length - 1 }))
    const tokens = texts.reduce((sum, text) => sum + text.tokens, 0)
    return {
      question: QUESTION,
      provenance: { threshold: describeThreshold(threshold) },
      results: {
        ...{ verdicts: found, sae_quality: quality.note, replication, claims, texts, layers, changes },
        features: withCorpus(explained.flatMap(briefDashboards), inCorpus),
      },
      reports: [
        {
          answer: answerOf(layers),
          tables: {
            'categories.csv': categoriesCsv(layers),
            'firing-texts.csv': firingCsv(layers, labelled),
          },
          page: (made) =>
            renderBlackBoxReport({
              ...{ ...made, verdicts: found, qualityNote: quality.note, replication, claims },
              ...{ layers, changes, texts: tokenTexts, explained, inCorpus },
            }),
          text: [
            summaryTables(layers),
            ...(replication.length > 0 ? [replicationTable(replication), claimsText(claims)] : []),
            qualityLines(layers, quality.note),
            ...(options.verbose ? found.map((verdict) => visibleLine(showVerdict(verdict))) : []),
            found.map((verdict) => `- ${visibleLine(showBriefly(verdict))}`).join('\n'),
          ],
        },
      ],
      done: [count(labelled.length, 'text'), count(tokens, 'token'), count(hooks.length, 'layer')].join(', '),
    }
  },
})
