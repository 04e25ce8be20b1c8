// What does the model write when one feature is turned up? A multiple of the feature's direction is added at each token but BOS.
//   node experiments/examples/steering.ts "We have" 928 8
import { createBackend, decoderRows, generate, liveEdit, openModel } from 'clearbox'

const [text = 'We have', feature = '928', strength = '8'] = process.argv.slice(2)
const hook = 'blocks.3.hook_resid_pre'
await using ops = await createBackend()
using model = await openModel('tiny', ops, { quiet: true })
using sae = await model.openSae(hook)
const direction = (await decoderRows(sae, [Number(feature)])).row(0) // [dModel]
const ids = model.tokenize(text) // BOS first

for (const coefficient of [0, Number(strength)]) {
  const hooks = liveEdit(sae, Number(feature), direction, { kind: 'up', coefficient })
  const written: number[] = []
  for await (const id of generate(model.gpt2, ids, 24, { temperature: 0, hooks })) written.push(id)
  console.log(
    `${coefficient} x feature ${feature}: ${JSON.stringify(text + model.tokenizer.decode(written))}`,
  )
}
