// Which token would the model say at each layer, if it stopped there? The logit lens (nostalgebraist 2020).
//   node experiments/examples/logit-lens.ts "for i in"
import { createBackend, openModel, run, type Hook } from 'clearbox'

const text = process.argv[2] ?? 'for i in'
await using ops = await createBackend()
using model = await openModel('tiny', ops, { quiet: true })
const { config, weights } = model.gpt2
const ids = model.tokenize(text) // BOS first

/** The stream of the last token, [1, dModel], through the last norm and the unembedding. */
const lens =
  (label: string): Hook =>
  async (x, ops) => {
    const last = await ops.takeRows(x, [ids.length - 1])
    const logits = await ops.linear(await ops.layerNorm(last, weights.ln_f, config.eps), weights.lm_head)
    const [{ indices, values }] = await ops.topK(logits, 5)
    const tokens = Array.from(indices, (id, i) => {
      return `${JSON.stringify(model.tokenizer.decode([id]))} ${values[i].toFixed(1)}`
    })
    console.log(label.padEnd(9), tokens.join('  '))
  }

const layers = Array.from({ length: config.nLayers }, (_, layer) => layer)
await run(model.gpt2, [ids], {
  ...Object.fromEntries(layers.map((layer) => [`blocks.${layer}.hook_resid_pre`, lens(`layer ${layer}`)])),
  [`blocks.${config.nLayers - 1}.hook_resid_post`]: lens('the end'),
})
