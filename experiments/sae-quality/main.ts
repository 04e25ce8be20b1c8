// How good are the SAEs? Sparsity, reconstruction, and the model's loss with each one's reconstruction in place.
//   npm run sae-quality                                          the bundled model's SAEs, offline
//   npm run sae-quality -- --saes mine/sae --texts mine.jsonl    one's own, on one's own texts
// Prints two tables and the formulas, by clearbox's and by SAELens' treatment of BOS; writes results.json, quality.csv and report.html.
import { layersOption, type LayerOptions, type TextOptions } from '../lab/analysis/analysis-options.ts'
import { createCommand } from '../lab/cli/cli.ts'
import { createProgress } from '../lab/cli/progress.ts'
import { UserError } from '../lab/cli/user-error.ts'
import { addEngineOptions } from '../lab/models/engine-options.ts'
import { layerOf } from '../lab/models/hooks.ts'
import type { OpenModel } from '../lab/models/models.ts'
import { count } from '../lab/report/numbers.ts'
import { addResultOptions, runExperiment, type ExperimentOptions } from '../lab/run-experiment.ts'
import { OWN_TEXTS, textsNamed } from '../lab/texts/named-texts.ts'
import { longOption } from '../lab/texts/tokenize-texts.ts'
import { qualityCsv } from './csv.ts'
import { measureThoroughly } from './measure.ts'
import { renderQualityReport } from './quality-page.ts'
import { answerOf, QUESTION, summaryTables } from './summary.ts'

interface Options extends ExperimentOptions, TextOptions, LayerOptions {}

const command = addResultOptions(
  addEngineOptions(
    createCommand('sae-quality', 'how much SAEs keep, and what the model loses with them in place'),
  ),
  'sae-quality',
)
  .option(
    '--texts <path>',
    'JSON, JSON lines, CSV, TSV, a folder of CATEGORY.txt, or the word published (default: our own 140)',
    OWN_TEXTS,
  )
  .addOption(layersOption('layers, e.g. 2,4 (default: all that have an SAE)'))
  .addOption(longOption())
  .addHelpText(
    'after',
    `
Each number is explained below the tables. CE and KL are given twice: with BOS replaced and the prediction made at it scored, and by
the convention of SAELens' run_evals, which does neither. Each SAE takes seven passes through the model.

Examples:
  npm run sae-quality -- --layers 3
  npm run sae-quality -- --model gpt2 --saes gpt2-small-mlp-tm --layers 6
  npm run -s sae-quality -- --json > results.json`,
  )
  .parse()

runExperiment<Options>(command, {
  name: 'sae-quality',
  texts: (options) => textsNamed(options, { leastCategories: 1 }),
  hooks: hooksAsked,
  async run({ model, hooks, ids, quiet }) {
    const total = 2 * hooks.length * ids.flat().length
    using progress = createProgress({ label: 'SAE quality', total, unit: 'tokens', quiet })
    const saes = await measureThoroughly(model, ids, hooks, (done) => progress.update(done))
    progress.stop()
    return {
      question: QUESTION,
      results: { saes },
      provenance: {
        bos: 'before every text; left out of everything but CE and KL, for which see the two conventions',
        threshold: 'none: a feature is active where it is not 0',
        pooling: 'none: each token counts by itself',
      },
      reports: [
        {
          answer: answerOf(saes),
          tables: { 'quality.csv': qualityCsv(saes) },
          page: (made) => renderQualityReport({ ...made, saes }),
          text: [summaryTables(saes), answerOf(saes)],
        },
      ],
      done: `${count(saes.length, 'SAE')} on ${count(ids.length, 'text')}, ${saes[0].tokens} tokens`,
    }
  },
})

/** Every SAE of the layers asked for. @throws UserError if a layer has none */
function hooksAsked({ name, saeHooks }: OpenModel, { layers }: Options): string[] {
  const missing = (layers ?? []).filter((layer) => !saeHooks.some((hook) => layerOf(hook) === layer))
  if (saeHooks.length === 0) throw new UserError(`the model ${name} has no SAEs`)
  if (missing.length > 0)
    throw new UserError(
      `no SAE for layer ${missing.join(', ')} of ${name}; it has SAEs for ${saeHooks.join(', ')}`,
    )
  return saeHooks.filter((hook) => layers === undefined || layers.includes(layerOf(hook)))
}
