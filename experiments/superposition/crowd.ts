// How crowded the decoder directions of the bundled SAEs are, against directions drawn at random.
import { createBackend } from '../../engine/backends.ts'
import { createRandom, normal } from '../../engine/random.ts'
import { Tensor } from '../../engine/tensor.ts'
import { decoderRows } from '../../sae/decoder.ts'
import { quantile } from '../lab/analysis/statistics.ts'
import { openModel } from '../lab/models/models.ts'

export interface Crowd {
  readonly name: string
  readonly directions: number
  readonly dimensions: number
  /** Of the cosines of all pairs, without their signs. */
  readonly mean: number
  /** The share of pairs whose |cosine| is above 0.3. */
  readonly above: number
  /** Of each direction's largest |cosine| with another, the median. */
  readonly nearest: number
}

/** The SAE of each layer of the bundled model, and as many random directions. */
export async function measureCrowds(): Promise<Crowd[]> {
  const ops = await createBackend('reference')
  const model = await openModel('tiny', ops, { quiet: true })
  const crowds: Crowd[] = []
  for (const hook of model.saeHooks) {
    const sae = await model.openSae(hook)
    const rows = await decoderRows(
      sae,
      Array.from({ length: sae.config.dSae }, (_, feature) => feature),
    )
    crowds.push(crowdOf(hook, rows))
  }
  await ops.dispose()
  const [{ directions, dimensions }] = crowds
  const random = createRandom(0)
  const numbers = Float32Array.from({ length: directions * dimensions }, () => normal(random))
  return [...crowds, crowdOf('drawn at random', Tensor.of([directions, dimensions], numbers))]
}

/** rows [directions, dimensions], none of them all 0 */
export function crowdOf(name: string, rows: Tensor): Crowd {
  const [directions, dimensions] = rows.shape
  const units = Array.from({ length: directions }, (_, i) => {
    const row = Float64Array.from(rows.row(i))
    const length = Math.sqrt(row.reduce((sum, value) => sum + value * value, 0))
    return row.map((value) => value / length)
  })
  const largest = new Float64Array(directions)
  let [sum, above] = [0, 0]
  for (let i = 0; i < directions; i++)
    for (let j = 0; j < i; j++) {
      const cosine = Math.abs(dot(units[i], units[j]))
      sum += cosine
      if (cosine > 0.3) above += 1
      largest[i] = Math.max(largest[i], cosine)
      largest[j] = Math.max(largest[j], cosine)
    }
  const pairs = (directions * (directions - 1)) / 2
  return {
    name,
    directions,
    dimensions,
    mean: sum / pairs,
    above: above / pairs,
    nearest: quantile(largest.sort(), 0.5),
  }
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i] * b[i]
  return sum
}
