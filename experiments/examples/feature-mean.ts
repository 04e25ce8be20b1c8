// How strongly does one feature fire on each kind of text? Its mean over the tokens of each text of a CSV, then over texts.
//   node experiments/examples/feature-mean.ts 928 mine.csv       columns category and text
import {
  captureStreams,
  createBackend,
  encodeStream,
  loadTexts,
  meanFeatures,
  openModel,
  OWN_TEXTS,
  rowsByCategory,
  sparseColumn,
} from 'clearbox'

const [feature = '928', path = OWN_TEXTS] = process.argv.slice(2)
const hook = 'blocks.3.hook_resid_pre'
const labelled = await loadTexts(path)
await using ops = await createBackend()
using model = await openModel('tiny', ops, { quiet: true })
using sae = await model.openSae(hook)
const texts = labelled.map(({ text }) => model.tokenize(text)) // BOS first

const stream = (await captureStreams(model.gpt2, texts, [hook])).get(hook)! // [tokens of all texts, dModel]
const features = await encodeStream(ops, sae, stream) // sparse [tokens of all texts, d_sae]
const lengths = texts.map((ids) => ids.length)
const means = sparseColumn(meanFeatures(features, lengths), Number(feature)) // [texts]: over tokens, BOS left out
for (const { name, rows } of rowsByCategory(labelled)) {
  const mean = rows.reduce((sum, row) => sum + means[row], 0) / rows.length
  console.log(`${name.padEnd(16)} ${mean.toFixed(4)}  (${rows.length} texts)`)
}
