// How close does exact screening's bound come to the pre-activations it bounds? Draws a token's features.
//   node experiments/screening/main.ts
// Prints how many features each digit leaves possible, and writes the figure of sae/README.md.
import { fileURLToPath } from 'node:url'
import { createReferenceBackend } from '../../engine/reference/backend.ts'
import type { Tensor } from '../../engine/tensor.ts'
import { roundingError, screenRow, DIGIT_OFFSET } from '../../engine/wasm/screen-bound.ts'
import { readTensor } from '../../engine/weights.ts'
import { saeInput } from '../../sae/encoder.ts'
import { createCommand, runMain } from '../common/cli.ts'
import { captureStreams } from '../common/features.ts'
import { findModel } from '../common/model-sources.ts'
import { openModel } from '../common/models.ts'
import { writeAtomically } from '../common/write-node.ts'
import { drawBounds, type BoundedFeature } from './figure.ts'

const hook = 'blocks.3.hook_resid_pre'
const figure = fileURLToPath(new URL('../../sae/screening.svg', import.meta.url))

const command = createCommand('screening', 'how close the bound of exact screening comes to what it bounds')
  .option('--out <file>', 'the figure to write', figure)
  .parse()

/** Each feature's pre-activation, and the most that it can be by what one digit and two digits say; all in float64. */
function boundFeatures(x: Float32Array, weight: Tensor, bias: Tensor): BoundedFeature[] {
  const [inputs, features] = weight.shape
  const [first, second] = [new Uint8Array(inputs), new Uint8Array(inputs)]
  const row = screenRow(x, first, second)
  if (!row) throw new Error('screening: this token cannot be screened')
  const large = new Set(row.largeIndices)
  return Array.from({ length: features }, (_, j) => {
    const w = Float64Array.from(x, (_, k) => weight.data[k * features + j])
    const scale = w.reduce((most, value) => Math.max(most, Math.abs(value)), 0) / 127
    const sums = { exact: bias.data[j], float32: bias.data[j], one: 0, two: 0, norm: 0, residual: 0 }
    for (const [k, value] of w.entries()) {
      const v = scale === 0 ? 0 : Math.round(value / scale)
      sums.exact += x[k] * value
      if (large.has(k)) sums.float32 += x[k] * value
      sums.one += (first[k] - DIGIT_OFFSET) * v * scale
      sums.two += (second[k] - DIGIT_OFFSET) * v * scale
      sums.norm += value ** 2
      sums.residual += (value - v * scale) ** 2
    }
    const [norm, residual] = [Math.sqrt(sums.norm), Math.sqrt(sums.residual)]
    const biasShare = roundingError(inputs) * Math.abs(bias.data[j])
    const one = sums.float32 + row.one.step * sums.one
    const two = one + row.two.step * sums.two
    return {
      preActivation: sums.exact,
      afterOne: one + row.one.ofNorm * norm + row.one.ofResidual * residual + biasShare,
      afterTwo: two + row.two.ofNorm * norm + row.two.ofResidual * residual + biasShare,
    }
  })
}

runMain(async () => {
  const ops = createReferenceBackend()
  const model = await openModel('tiny', ops, { quiet: true })
  const text = 'The quick brown fox jumps over the lazy dog.'
  const ids = model.tokenize(text)
  const stream = (await captureStreams(model.gpt2, [ids], [hook])).get(hook)!
  const sae = await model.openSae(hook)
  const input = await ops.subtract(await saeInput(ops, sae, hook, stream), sae.b_dec)
  const store = await (await findModel('tiny')).saes.get(hook)!.weights()
  const [weight, bias] = [await readTensor(store.get('W_enc')), await readTensor(store.get('b_enc'))]
  await store.close()
  const last = ids.length - 1
  const features = boundFeatures((await ops.download(input)).row(last), weight, bias)
  const count = (kind: keyof BoundedFeature) => features.filter((feature) => feature[kind] > 0).length
  const counts = {
    features: features.length,
    one: count('afterOne'),
    two: count('afterTwo'),
    active: count('preActivation'),
  }
  const { out, json } = command.opts<{ out: string; json?: boolean }>()
  await writeAtomically(out, drawBounds(features))
  if (json) return console.log(JSON.stringify({ hook, text, token: last, ...counts, figure: out }))
  console.log(
    `${hook}, last token of "${text}": of ${counts.features} features one digit leaves ${counts.one} possible, ` +
      `two digits ${counts.two}; ${counts.active} are active`,
  )
  console.log(`figure: ${out}`)
})
