// The race of `bench gpujs --browser`: layers by our backends and by other libraries on WebGPU.
import { gpt2Small } from '../../gpt2/config.ts'
import { costOfMatmul } from '../matmul.ts'
import { isInstalled } from '../peers/peer.ts'
import { makeRow, type Cost, type NotRun, type Row } from '../rows.ts'
import { timeSideBySide, type Case, type Runner } from '../side-by-side.ts'
import type { Layer, RaceTask } from './race-layer.ts'

export interface RaceOptions {
  /** Lengths of texts; default: 128 and 512 on a real GPU, and `tokens` in software. */
  readonly prefill?: readonly number[]
  readonly tokens: number
  readonly quick: boolean
  readonly quiet: boolean
  readonly rounds?: number
}

const ours = ['wasm', 'gpujs:webgl2', 'gpujs:webgpu']

/** Libraries by the package of bench/peers that they come in. */
export const packages: Readonly<Record<string, string>> = {
  'jax-js': '@jax-js/jax',
  'onnxruntime-web': 'onnxruntime-web',
}

interface RaceLayer extends Layer {
  /** How often a pass through GPT-2 small's blocks runs it. */
  readonly times: number
}

/** The products of the blocks, an SAE's encoder, and the last token's logits, which are too slow for a quick run in software. */
export function raceLayers(tokens: number, quick: boolean): RaceLayer[] {
  const { nLayers, dModel, dMlp, dVocab } = gpt2Small
  const product = { tokens, relu: false, times: nLayers }
  const layers = [
    { ...product, inputs: dModel, outputs: dModel, times: 4 * nLayers }, // q, k, v and attention's output
    { ...product, inputs: dModel, outputs: dMlp },
    { ...product, inputs: dMlp, outputs: dModel },
    { ...product, inputs: dModel, outputs: 24576, relu: true, times: 0 },
  ]
  return quick ? layers : [...layers, { ...product, tokens: 1, inputs: dModel, outputs: dVocab, times: 0 }]
}

/** How many tokens: full size only on a real GPU, unless asked for. */
export function raceCounts(
  { prefill, tokens }: Pick<RaceOptions, 'prefill' | 'tokens'>,
  modes: readonly string[],
): readonly number[] {
  return prefill ?? (modes.some((mode) => mode.includes('(hardware)')) ? [128, 512] : [tokens])
}

/** @param open opens a page for one contestant */
export async function race(
  open: (name: string) => Promise<Runner<RaceTask>>,
  { quick, quiet, rounds, ...options }: RaceOptions,
  has: (name: string) => boolean = isInstalled,
): Promise<{ rows: Row[]; notRun: NotRun[] }> {
  const starts = [...ours, ...Object.keys(packages)].map((name) => {
    const start = async () => {
      if (packages[name] && !has(packages[name]))
        throw new Error('it is not installed; install it with: npm ci --prefix bench/peers')
      return open(name)
    }
    return [name, start] as const
  })
  let counts: readonly number[] = []
  const allCases = (runners: readonly Runner<RaceTask>[]) => {
    counts = raceCounts(
      options,
      runners.map(({ mode }) => mode),
    )
    return counts.flatMap((tokens) => raceLayers(tokens, quick).flatMap(casesOf))
  }
  const settings = { quick, quiet, rounds, where: 'Chromium', label: 'race' }
  const { rows, notRun } = await timeSideBySide(starts, allCases, settings)
  return { rows: [...rows, ...counts.flatMap((tokens) => sums(tokens, rows))], notRun }
}

const shapeOf = ({ tokens, inputs, outputs }: Layer) => [tokens, inputs, outputs].join('x')

/** A layer's product, or an SAE's encoder; at one size also bringing x there and the result back. */
export function casesOf(layer: Layer): Case<RaceTask>[] {
  const { tokens, inputs, outputs, relu } = layer
  const make = (part: RaceTask['part'], work: string, shape: string, cost: Cost): Case<RaceTask> => ({
    work: `race: ${work}`,
    shape,
    cost,
    task: () => ({ layer, part }),
    label: `race, ${shapeOf(layer)}`,
  })
  const moved = (count: number): Cost => ({ flops: 0, bytes: 4 * count })
  const cost = costOfMatmul(tokens, inputs, outputs)
  const product = make('compute', relu ? 'SAE encode' : 'product', shapeOf(layer), cost)
  if (inputs !== gpt2Small.dModel || outputs !== gpt2Small.dMlp) return [product]
  return [
    product,
    make('upload', 'upload', `${tokens}x${inputs}`, moved(tokens * inputs)),
    make('readBack', 'read back', `${tokens}x${outputs}`, moved(tokens * outputs)),
  ]
}

/** Every product of the blocks as often as a pass runs it: a sum of medians, not a pass that anyone ran. */
export function sums(tokens: number, rows: readonly Row[]): Row[] {
  const layers = raceLayers(tokens, true).filter(({ times }) => times > 0)
  const sumOf = (value: (layer: RaceLayer) => number) =>
    layers.reduce((sum, layer) => sum + layer.times * value(layer), 0)
  const costs = (layer: Layer) => costOfMatmul(layer.tokens, layer.inputs, layer.outputs)
  const cost = { flops: sumOf((layer) => costs(layer).flops), bytes: sumOf((layer) => costs(layer).bytes) }
  const work = `race: the ${sumOf(() => 1)} products of the blocks, summed`
  const byBackend = Map.groupBy(rows, ({ backend }) => backend)
  return Array.from(byBackend.values(), (own) => {
    const medianOf = (layer: Layer) =>
      own.find(({ work, shape }) => work === 'race: product' && shape === shapeOf(layer))?.median_ms ?? NaN // a product is missing; the reason was reported
    const total = sumOf(medianOf)
    return Number.isNaN(total) ? [] : [makeRow({ ...own[0], work, shape: String(tokens) }, [total], cost)]
  }).flat()
}
