// Does the most selective feature matter most? Takes the specialists of each kind of text out of GPT-2's residual
// stream, steers with them, and looks at the predictions; random features of the same size serve for comparison.
//   npm run ablation                                        the bundled model, offline, some 10 seconds
//   npm run ablation -- --layers 2,4 --generate "def f(x):" one's own layers and prompt
// Prints tables, and a sentence for each finding; writes results.json, CSV and report.html.
import { rowsByCategory } from '../lab/analysis/input.ts'
import { defaultThreshold, describeThreshold } from '../lab/analysis/threshold.ts'
import { printNote, visibleLine } from '../lab/cli/print.ts'
import { chooseHooks, threeLayers } from '../lab/models/choose-hooks.ts'
import type { OpenModel } from '../lab/models/models.ts'
import { count } from '../lab/report/numbers.ts'
import { runExperiment } from '../lab/run-experiment.ts'
import { loadTexts } from '../lab/texts/texts-node.ts'
import { ablate } from './ablate.ts'
import { renderAblationReport } from './ablation-page.ts'
import { continueTexts } from './continuations.ts'
import { correlationsCsv, effectsCsv } from './csv.ts'
import { findings, QUESTION, type Finding } from './findings.ts'
import { command, FULL_SIZE, SMALL, type Options } from './options.ts'
import { summaryTables } from './summary.ts'

runExperiment<Options>(command, {
  name: 'ablation',
  texts: ({ texts }) => loadTexts(texts),
  hooks: (model, { layers }) => chooseHooks(model, layers ?? threeLayers(model)),
  async run({ options, model, hooks, labelled, ids, quiet }) {
    const threshold = options.threshold ?? defaultThreshold(model.name)
    const textsPerCategory = options.textsPerCategory ?? usualTexts(model, quiet)
    const texts = { ids, categories: rowsByCategory(labelled) }
    const measured = await ablate(model, texts, hooks, { ...options, textsPerCategory, threshold }, quiet)
    const asked = { ...options, prompt: options.generate }
    const generations = await continueTexts(model, ids, measured.features, hooks, asked, quiet)
    const results = { ...measured, generations }
    const found = findings(results)
    return {
      question: QUESTION,
      provenance: { threshold: describeThreshold(threshold) },
      results: { findings: found, ...results },
      reports: [
        {
          answer: found[0].sentence,
          tables: { 'effects.csv': effectsCsv(results), 'correlations.csv': correlationsCsv(results) },
          page: (made) => renderAblationReport({ ...made, findings: found, results }),
          text: [summaryTables(results), findingLines(found, options.verbose)],
        },
      ],
      done: `${count(results.features.length, 'feature')} of ${count(hooks.length, 'layer')}`,
    }
  },
})

/** The answer first; what the data do not clearly tell is counted, and listed if everything is to be printed. */
function findingLines([answer, ...found]: readonly Finding[], verbose = false): string {
  const line = ({ sentence, figures }: Finding) =>
    `- ${visibleLine(verbose ? `${sentence} ${figures}` : sentence)}`
  if (verbose) return [answer, ...found].map(line).join('\n')
  const untold = found.filter(({ told }) => !told).length
  const rest = `- ${count(untold, 'more comparison')} cannot clearly be told: in the report, and with --verbose.`
  return [...[answer, ...found.filter(({ told }) => told)].map(line), ...(untold > 0 ? [rest] : [])].join(
    '\n',
  )
}

function usualTexts(model: OpenModel, quiet: boolean): number {
  if (model.gpt2.config.nLayers < FULL_SIZE.layers) return SMALL.texts
  if (!quiet)
    printNote(
      `note: effects are measured on ${FULL_SIZE.texts} texts of each category, not ${SMALL.texts}: ${model.name} takes longer for each; --texts-per-category ${SMALL.texts} for more`,
    )
  return FULL_SIZE.texts
}
