// Do SAE features follow what a text says, or how it looks? The same ideas as formulas, in words and as code.
// After part 2 of "A Black Box Made Less Opaque".
//   npm run form-or-idea                        the bundled model, offline
//   npm run form-or-idea -- --layers 1,4        some of its layers
// Prints two tables, one line per layer, and the answer in a sentence; writes results.json, CSV and report.html.
import { postLayers } from '../lab/analysis/replication.ts'
import { defaultThreshold, describeThreshold } from '../lab/analysis/threshold.ts'
import { chooseHooks, usualLayers } from '../lab/models/choose-hooks.ts'
import { briefDashboards } from '../lab/analysis/features/explain.ts'
import { count } from '../lab/report/numbers.ts'
import { analyseModel, compareCells, tokenShares } from './analysis.ts'
import { answers, overallAnswer, overallFigures, QUESTION } from './answer.ts'
import { pairsCsv, specialistsCsv } from './csv.ts'
import { createDesign, labelledTexts } from './design.ts'
import { renderFormOrIdeaReport } from './form-or-idea-page.ts'
import { summaryTables } from './table.ts'
import { runExperiment } from '../lab/run-experiment.ts'
import matchedTexts from './texts.json' with { type: 'json' }
import { command, type Options } from './options.ts'

const design = createDesign(matchedTexts)

runExperiment<Options>(command, {
  name: 'form-or-idea',
  texts: () => labelledTexts(design),
  hooks: (model, { layers }) => chooseHooks(model, layers ?? usualLayers(model, postLayers)),
  async run({ options, model, hooks, ids, tokenTexts, quiet }) {
    const { seed, permutations, top, threshold = defaultThreshold(model.name) } = options
    const settings = { seed, permutations, top, threshold, quiet }
    const analysed = await analyseModel(model, ids, hooks, design, settings)
    const layers = analysed.map(({ result }) => result)
    const tokens = compareCells(tokenShares(ids, model.gpt2.config.dVocab), design, settings)
    const asked = [{ layer: null, ...tokens }, ...layers]
    const found = answers(asked, permutations)
    const answer = overallAnswer(found)
    const figures = overallFigures(asked)
    const { topics, forms, ideas, texts } = design
    const features = analysed.flatMap(({ explained }) => briefDashboards(explained))
    return {
      question: QUESTION,
      provenance: { threshold: describeThreshold(threshold) },
      results: {
        figures,
        answers: found,
        permutations,
        topics,
        forms,
        ideas,
        tokens,
        layers,
        features,
        texts,
      },
      reports: [
        {
          answer,
          tables: {
            'pairs.csv': pairsCsv(design, tokens, layers),
            'specialists.csv': specialistsCsv(layers),
          },
          page: (made) =>
            renderFormOrIdeaReport({
              ...made,
              figures,
              answers: found,
              design,
              tokens,
              analysed,
              tokenTexts,
            }),
          text: [
            summaryTables(tokens, layers, found, design),
            ...(options.verbose
              ? [figures, ...found.map(({ sentence, figures }) => `- ${sentence} ${figures}`)]
              : []),
            answer,
          ],
        },
      ],
      done: `${texts.length} texts, ${ids.flat().length - ids.length} tokens, ${count(hooks.length, 'layer')}`,
    }
  },
})
