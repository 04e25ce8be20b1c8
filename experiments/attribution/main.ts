// Why does the model say this token next: which layers, heads, neurons and features make its logit, and can cheap estimates say so?
//   npm run attribute -- --text "for i in" --target " range"       the bundled model, offline; two seconds on two cores
//   npm run attribute -- --text "import numpy as" --target " n" --against " p" --corrupted "import pandas as"
// Prints tables; writes results.json, CSV and report.html.
import { directAttribution } from '../../gpt2/attribution.ts'
import { piecesOf } from '../../gpt2/pieces.ts'
import { layerOf } from '../lab/models/hooks.ts'
import { chooseHooks } from '../lab/models/choose-hooks.ts'
import { count } from '../lab/report/numbers.ts'
import { runExperiment } from '../lab/run-experiment.ts'
import { answerIn } from './answer.ts'
import { renderAttributionReport } from './attribution-page.ts'
import { csvTables } from './csv.ts'
import { featureEffects } from './features.ts'
import { heldStill } from './methods.ts'
import { command, type Options } from './options.ts'
import { patch } from './patching.ts'
import { askedTokens, checkPair, questionName, questionOf } from './question.ts'
import { agreements, sharesOf, sortFeatures, strongest, type AttributionResults } from './results.ts'
import { terminalTables } from './terminal.ts'

const QUESTION = 'Which parts of the model make it say this token next?'

runExperiment<Options>(command, {
  name: 'attribution',
  script: 'attribute',
  texts: ({ text, corrupted }) => [
    { category: 'clean', text },
    ...(corrupted === undefined ? [] : [{ category: 'corrupted', text: corrupted }]),
  ],
  hooks(model, options) {
    // What is wrong there is said before SAEs are fetched.
    askedTokens(model, options)
    if (options.corrupted !== undefined)
      checkPair(model, model.tokenize(options.text), model.tokenize(options.corrupted))
    if (model.saeHooks.length === 0 && options.layers === undefined) return []
    return chooseHooks(model, options.layers ?? model.saeHooks.map(layerOf))
  },
  async run({ options, model, hooks, ids: [clean, corrupted], quiet }) {
    const question = await questionOf(model, clean, askedTokens(model, options))
    const direct = await directAttribution(model.gpt2, clean, question)
    const found = await featureEffects(model, clean, question, direct, hooks, { ...options, quiet })
    const patching = corrupted ? await patch(model.gpt2, clean, corrupted, question, quiet) : null
    const shares = sharesOf(direct)
    const token = (id: number) => model.tokenizer.pieces([id])[0]
    const pieces = piecesOf(model, clean)
    const features = found.features.map((row) => ({ ...row, token: pieces[row.position] }))
    const results: AttributionResults = {
      clean: pieces,
      corrupted: corrupted ? piecesOf(model, corrupted) : null,
      explained: questionName(model, question),
      target: token(question.target),
      against: typeof question.against === 'number' ? token(question.against) : (question.against ?? null),
      ...{ logit: direct.logit, sum: direct.sum, ...shares },
      neurons: strongest(shares.neurons, 20, ({ share }) => share),
      ...{ saes: found.shares, integrated: found.integrated },
      features: sortFeatures(features, options.sort),
      patching,
      agreement: agreements(found.features, patching),
      held_still: heldStill(options.steps, patching !== null),
    }
    return {
      question: QUESTION,
      provenance: {
        threshold: 'none: every active feature counts',
        pooling: 'none: effects on the last token’s logits, summed over the text’s tokens',
        ...(hooks.length === 0 && { sae: 'none', basis: 'the residual stream as it is', hook: 'no SAE’s' }),
      },
      results,
      reports: [
        {
          answer: answerIn(results),
          tables: csvTables(results, shares.neurons),
          page: (made) => renderAttributionReport({ ...made, results, top: options.top, sort: options.sort }),
          text: terminalTables(results, options),
        },
      ],
      done: `${count(features.length, 'feature')} of ${count(hooks.length, 'SAE')}`,
    }
  },
})
