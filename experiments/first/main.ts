// What does a text light up in GPT-2? Prints the strongest SAE features at each layer.
//   npm run first -- "The cat sat on the mat"
//   npm run first -- --file - < story.txt
// A template for an experiment of one's own: copy this folder and change the question.
import { createBackend } from '../../engine/backends.ts'
import { sparseRow } from '../../engine/sparse.ts'
import { piecesOf } from '../../gpt2/pieces.ts'
import { meanFeatures } from '../../sae/pooling.ts'
import { strongestTokens } from '../lab/analysis/features/strongest-tokens.ts'
import { createCommand, runMain } from '../lab/cli/cli.ts'
import { print, printJson, printNote } from '../lab/cli/print.ts'
import { captureStreams, encodeStream } from '../lab/models/features.ts'
import { openModel, withSae } from '../lab/models/models.ts'
import { checkSaes } from '../lab/models/preflight.ts'
import { nextSteps } from '../lab/report/next-steps.ts'
import { namedFeature } from '../lab/report/tokens.ts'
import { addGivenText, tokenizeGiven } from '../lab/texts/given-text-node.ts'

type Options = { model: string; saes?: string; force?: boolean; json?: boolean }

const command = addGivenText(createCommand('first', "a text's strongest features at each layer of a model"))
  .option('--model <name>', 'as for npm start: tiny (bundled), a published model, or a folder', 'tiny')
  .option('--saes <which>', 'SAEs to use instead, as for npm start; they are checked on the text')
  .option('--force', 'go on even if such an SAE hardly rebuilds the text')
  .argument('[text]', 'the text', 'The quick brown fox jumps over the lazy dog.')
  .parse()

runMain(async () => {
  const ops = await createBackend()
  const { model: name, saes, force, json } = command.opts<Options>()
  const model = await openModel(name, ops, { quiet: json, saes })
  if (model.saeHooks.length === 0) command.error(`error: the model ${name} has no SAEs`)
  await model.prepareSaes(model.saeHooks)
  const { ids, long } = await tokenizeGiven(model, command, command.processedArgs[0] as string) // BOS first
  if (saes !== undefined) await checkSaes(model, [ids], model.saeHooks, { quiet: json, force })
  const streams = await captureStreams(model.gpt2, [ids], model.saeHooks) // [tokens, dModel] each
  const layers = []
  for (const [hook, stream] of streams) {
    const features = await withSae(model, hook, (sae) => encodeStream(ops, sae, stream)) // sparse [tokens, d_sae]
    const { indices, values } = sparseRow(meanFeatures(features, [ids.length]), 0) // mean over tokens, not BOS
    const tokens = strongestTokens(features, [piecesOf(model, ids)])
    const strongest = Array.from(indices, (feature, i) => ({
      feature,
      mean: values[i],
      token: tokens.get(feature)!,
    }))
    layers.push({ hook, strongest: strongest.sort((a, b) => b.mean - a.mean).slice(0, 5) })
  }
  await ops.dispose()
  if (json) return printJson({ model: model.name, ids, long, layers })
  if (long) printNote(long)
  print('Each layer’s strongest features: #number “where strongest” mean over all tokens but BOS')
  for (const { hook, strongest } of layers)
    print(
      `${hook} ${strongest.map(({ feature, mean, token }) => `#${namedFeature(feature, token)} ${mean.toFixed(2)}`).join('  ')}`,
    )
  print(nextSteps(model, ids, layers, command.opts<Options>()))
})
