// How tight is the bound of exact screening? Draws the pre-activations and limits of a token's features.
//   npm run screening
// Prints how many features the int8 values leave possible, and writes the figure of sae/README.md.
import { fileURLToPath } from 'node:url'
import { createReferenceBackend } from '../../../engine/reference/backend.ts'
import type { Tensor } from '../../../engine/tensor.ts'
import { readTensor } from '../../../engine/weights/weights.ts'
import { saeInput } from '../../../sae/encoder.ts'
import { createCommand, runMain } from '../../lab/cli/cli.ts'
import { captureStreams } from '../../lab/models/features.ts'
import { findModel } from '../../lab/models/model-source.ts'
import { openModel } from '../../lab/models/models.ts'
import { print, printJson } from '../../lab/cli/print.ts'
import { writeAtomically } from '../../lab/cli/write-node.ts'
import { drawBounds, type BoundedFeature } from './figure.ts'
import { featureScale, norm, splitRow } from './split.ts'

const hook = 'blocks.3.hook_resid_pre'
const figure = fileURLToPath(new URL('../../../sae/screening.svg', import.meta.url))

const command = createCommand('screening', 'how tight the bound of exact screening is')
  .option('--out <file>', 'the figure to write', figure)
  .parse()

/** Each feature's pre-activation, and the most that its int8 values allow; all in float64. */
function boundFeatures(x: Float32Array, weight: Tensor, bias: Tensor): BoundedFeature[] {
  const features = weight.shape[1]
  const row = splitRow(x)
  return Array.from({ length: features }, (_, j) => {
    const w = Float64Array.from(x, (_, k) => weight.data[k * features + j])
    const scale = featureScale(w) || 1
    const v = w.map((value) => Math.round(value / scale) * scale)
    const known = bias.data[j] + dot(row.large, w)
    const bound = row.ofNorm * norm(w) + row.ofError * norm(w.map((value, k) => value - v[k]))
    return { preActivation: bias.data[j] + dot(x, w), limit: known + dot(row.int8, v) + bound }
  })
}

function dot(a: Float64Array | Float32Array, b: Float64Array): number {
  return b.reduce((sum, value, k) => sum + a[k] * value, 0)
}

runMain(async () => {
  const ops = createReferenceBackend()
  const model = await openModel('tiny', ops, { quiet: true })
  const text = 'The quick brown fox jumps over the lazy dog.'
  const ids = model.tokenize(text)
  const stream = (await captureStreams(model.gpt2, [ids], [hook])).get(hook)!
  const sae = await model.openSae(hook)
  const input = await ops.subtract(await saeInput(ops, sae, stream), sae.b_dec)
  const store = await (await findModel('tiny')).saes.get(hook)!.weights()
  const [weight, bias] = [await readTensor(store.get('W_enc')), await readTensor(store.get('b_enc'))]
  await store.close()
  const last = ids.length - 1
  const features = boundFeatures((await ops.download(input)).row(last), weight, bias)
  const count = (kind: keyof BoundedFeature) => features.filter((feature) => feature[kind] > 0).length
  const counts = {
    features: features.length,
    possible: count('limit'),
    active: count('preActivation'),
  }
  const { out, json } = command.opts<{ out: string; json?: boolean }>()
  await writeAtomically(out, drawBounds(features))
  if (json) return printJson({ hook, text, token: last, ...counts, figure: out })
  print(
    `${hook}, last token of "${text}": of ${counts.features} features, the int8 values leave ${counts.possible} possible; ` +
      `${counts.active} are active`,
  )
  print(`figure: ${out}`)
})
