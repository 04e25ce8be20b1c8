// Which heads does the model need to prefer one next token to another? Each head is set to zero in turn; a number says by how
// much the difference of the two logits changes.
//   node experiments/examples/head-ablation.ts "for i in" " range" " the"
import { createBackend, onHost, openModel, run, type HookTable } from 'clearbox'

const [text = 'for i in', right = ' range', wrong = ' the'] = process.argv.slice(2)
await using ops = await createBackend()
using model = await openModel('tiny', ops, { quiet: true })
const { nLayers, nHeads, dHead } = model.gpt2.config
const ids = model.tokenize(text) // BOS first
const [a, b] = [right, wrong].map((token) => model.tokenizer.encode(token)[0])

/** logit(right) - logit(wrong) after the last token. */
async function difference(hooks: HookTable = {}): Promise<number> {
  let found = NaN
  await run(model.gpt2, [ids], {
    ...hooks,
    logits: async (x, ops) => {
      const last = (await ops.download(x)).row(ids.length - 1)
      found = last[a] - last[b]
    },
  })
  return found
}

/** attn.hook_z is [tokens, heads, dHead]: the numbers of one head become zeros. */
const without = (head: number) =>
  onHost((z) => {
    const kept = z.like(z.shape)
    kept.data.set(z.data.map((value, i) => (Math.floor(i / dHead) % nHeads === head ? 0 : value)))
    return kept
  })

const all = await difference()
console.log(
  `${JSON.stringify(right)} before ${JSON.stringify(wrong)} after ${JSON.stringify(text)}: ${all.toFixed(2)}`,
)
for (let layer = 0; layer < nLayers; layer++) {
  const changes = []
  for (let head = 0; head < nHeads; head++)
    changes.push((await difference({ [`blocks.${layer}.attn.hook_z`]: without(head) })) - all)
  console.log(`layer ${layer}`, changes.map((change) => change.toFixed(2).padStart(6)).join(' '))
}
