// Which layers and heads say the next token? What each adds to the stream, as its logit reads it (direct logit attribution).
//   node experiments/examples/direct-attribution.ts "for i in" " range"
import { createBackend, directAttribution, openModel } from 'clearbox'

const [text = 'for i in', token = ' range'] = process.argv.slice(2)
await using ops = await createBackend()
using model = await openModel('tiny', ops, { quiet: true })
const ids = model.tokenize(text) // BOS first
const [target] = model.tokenizer.encode(token)
const { logit, parts, layers } = await directAttribution(model.gpt2, ids, { target, against: 'mean' })

const show = (shares: Iterable<number>) =>
  Array.from(shares, (share) => share.toFixed(2).padStart(6)).join(' ')
console.log(`${JSON.stringify(token)} is ${logit.toFixed(2)} above the mean of all logits`)
for (const [layer, { heads }] of layers.entries()) {
  const [attention, mlp] = ['attn_out', 'mlp_out'].map((part) => parts.get(`blocks.${layer}.hook_${part}`)!)
  console.log(`layer ${layer}  attention ${show([attention])}  heads ${show(heads)}  mlp ${show([mlp])}`)
}
