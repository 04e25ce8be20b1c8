// How good is an SAE of one's own? Reads a folder as SAELens saves it (cfg.json, sae_weights.safetensors), and says how many
// features fire on a token, and what the model loses when it goes on from their reconstruction.
//   node experiments/examples/own-sae.ts FOLDER
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'
import {
  captureStreams,
  createBackend,
  encodeStream,
  loadSae,
  loadTexts,
  memorySource,
  openModel,
  openSafetensors,
  OWN_TEXTS,
  parseSaeConfig,
  run,
  splice,
  withoutBos,
  type HookTable,
} from 'clearbox'

const bundled = fileURLToPath(new URL('../../sae/tiny/blocks.3.hook_resid_pre', import.meta.url))
const folder = process.argv[2] ?? bundled
await using ops = await createBackend()
using model = await openModel('tiny', ops, { quiet: true })
const [json, weights] = ['cfg.json', 'sae_weights.safetensors'].map((name) => join(folder, name))
const config = parseSaeConfig(await readFile(json, 'utf8'), json)
using sae = await loadSae(ops, await openSafetensors(memorySource(weights, await readFile(weights))), config)
const labelled = await loadTexts(OWN_TEXTS)
const texts = labelled.map(({ text }) => model.tokenize(text)) // BOS first

/** Mean cross entropy in nats of every token but BOS, given those before it. */
async function loss(hooks: HookTable): Promise<number> {
  const losses: number[] = []
  for (const ids of texts)
    await run(model.gpt2, [ids], {
      ...hooks,
      logits: async (x, ops) => {
        const before = await ops.takeRows(x, [...ids.keys()].slice(0, -1)) // [tokens - 1, dVocab]
        losses.push(...(await ops.download(await ops.crossEntropy(before, ids.slice(1)))).data)
      },
    })
  return losses.reduce((sum, value) => sum + value, 0) / losses.length
}

const stream = (await captureStreams(model.gpt2, texts, [config.hookName])).get(config.hookName)!
const lengths = texts.map((ids) => ids.length)
const { shape, values } = withoutBos(await encodeStream(ops, sae, stream), lengths)
console.log(
  `${config.hookName}: ${shape[1]} features, ${(values.length / shape[0]).toFixed(1)} active on a token`,
)
const [clean, spliced] = [await loss({}), await loss(splice(sae, config.hookName))]
console.log(`loss ${clean.toFixed(3)}, from the reconstruction ${spliced.toFixed(3)}`)
