import { createProgress } from '../../experiments/lab/cli/progress.ts'
import { gpt2Small } from '../../gpt2/config.ts'
import { resolvePath } from '../peers/peer.ts'
import { makeRow, threadsOf, type Cost, type NotRun, type Row } from '../rows.ts'
import { alternate, percentile, quickBudget, usualBudget } from '../timing.ts'
import type { Layer, Part } from './race-layer.ts'

/** Someone who takes part: a page with one of our backends or another library. */
export interface Racer {
  readonly mode: string
  /** @throws where its result is wrong, or it cannot compute the layer */
  prepare(layer: Layer): Promise<void>
  time(part: Part, ms: number): Promise<number[]>
  close(): Promise<void>
}

export interface RaceOptions {
  /** Lengths of texts; left out, 128 and 512 on a real GPU, and `tokens` in software. */
  readonly prefill?: readonly number[]
  readonly tokens: number
  readonly quick?: boolean
  readonly json?: boolean
}

const ours = ['wasm', 'gpujs:webgl2', 'gpujs:webgpu']

/** Libraries by the package of bench/peers that they come in. */
const packages: Readonly<Record<string, string>> = {
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

/** How many tokens: full size only on a real GPU, unless it is asked for. */
export function raceCounts(
  { prefill, tokens }: Pick<RaceOptions, 'prefill' | 'tokens'>,
  modes: readonly string[],
): readonly number[] {
  return prefill ?? (modes.some((mode) => mode.includes('(hardware)')) ? [128, 512] : [tokens])
}

/**
 * Layers of GPT-2 small and an SAE's encoder in Chromium, by our backends and by other libraries on WebGPU, in
 * alternating rounds. Each result is verified before it is timed. Who cannot take part is named with the reason.
 */
export async function race(
  open: (name: string) => Promise<Racer>,
  options: RaceOptions,
  isInstalled: (name: string) => boolean = canResolve,
): Promise<{ rows: Row[]; notRun: NotRun[] }> {
  const racers = new Map<string, Racer>()
  const notRun: NotRun[] = []
  const leftOut = (name: string, what: string, error: unknown) =>
    notRun.push({ backend: `${name}, Chromium: ${what}`, reason: firstLine(error) })
  for (const name of [...ours, ...Object.keys(packages)])
    try {
      if (packages[name] && !isInstalled(packages[name]))
        throw new Error('it is not installed; install it with: npm ci --prefix bench/peers')
      racers.set(name, await open(name))
    } catch (error) {
      leftOut(name, 'race', error)
    }
  const counts = raceCounts(
    options,
    Array.from(racers.values(), ({ mode }) => mode),
  )
  const rows: Row[] = []
  const { quick = false, json: quiet = false } = options
  const total = counts.length * raceLayers(1, quick).length
  using progress = createProgress({ label: 'race', total, unit: 'layers', quiet })
  for (const tokens of counts) {
    const medians = new Map<string, number[]>()
    for (const layer of raceLayers(tokens, quick)) {
      rows.push(...(await raceOn(layer, racers, quick, medians, leftOut)))
      progress.step()
    }
    rows.push(...sums(tokens, racers, medians))
  }
  for (const racer of racers.values()) await racer.close()
  return { rows, notRun }
}

async function raceOn(
  layer: RaceLayer,
  racers: ReadonlyMap<string, Racer>,
  quick: boolean,
  medians: Map<string, number[]>,
  leftOut: (name: string, what: string, error: unknown) => void,
): Promise<Row[]> {
  const { tokens, inputs, outputs, times, relu } = layer
  const shape = [tokens, inputs, outputs].join('x')
  const ready: [name: string, racer: Racer][] = []
  for (const [name, racer] of racers)
    try {
      await racer.prepare(layer)
      ready.push([name, racer])
    } catch (error) {
      if (/wrong result/.test(firstLine(error))) throw error
      leftOut(name, `race, ${shape}`, error)
    }
  const measure = async (part: Part, work: string, shape: string, cost: Cost): Promise<Row[]> => {
    const runs = ready.map(
      ([, racer]) =>
        (ms: number) =>
          racer.time(part, ms),
    )
    const samples = await alternate(runs, quick ? quickBudget : { ...usualBudget, rounds: 4 })
    if (part === 'compute')
      for (const [i, [name]] of ready.entries())
        medians.set(name, [
          ...(medians.get(name) ?? []),
          ...Array<number>(times).fill(percentile(samples[i], 0.5)),
        ])
    return ready.map(([name, { mode }], i) =>
      makeRow({ work, shape, backend: name, ...whereabouts(mode) }, samples[i], cost),
    )
  }
  const rows = await measure('compute', relu ? 'race: SAE encode' : 'race: product', shape, costOf(layer))
  if (inputs === gpt2Small.dModel && outputs === gpt2Small.dMlp)
    rows.push(
      ...(await measure('upload', 'race: upload', `${tokens}x${inputs}`, moved(tokens * inputs))),
      ...(await measure('readBack', 'race: read back', `${tokens}x${outputs}`, moved(tokens * outputs))),
    )
  return rows
}

/** Every product of the blocks as often as a pass runs it: a sum of medians, not a pass that anyone ran. */
function sums(
  tokens: number,
  racers: ReadonlyMap<string, Racer>,
  medians: ReadonlyMap<string, readonly number[]>,
): Row[] {
  const layers = raceLayers(tokens, true)
  const sumOf = (value: (layer: RaceLayer) => number) =>
    layers.reduce((sum, layer) => sum + layer.times * value(layer), 0)
  const count = sumOf(() => 1)
  const cost = { flops: sumOf((layer) => costOf(layer).flops), bytes: sumOf((layer) => costOf(layer).bytes) }
  const work = `race: the ${count} products of the blocks, summed`
  return Array.from(racers, ([name, { mode }]): Row[] => {
    const all = medians.get(name) ?? []
    if (all.length < count) return [] // a product is missing, and it was said why
    const total = all.reduce((sum, ms) => sum + ms, 0)
    return [makeRow({ work, shape: String(tokens), backend: name, ...whereabouts(mode) }, [total], cost)]
  }).flat()
}

const whereabouts = (mode: string) => ({ mode: `Chromium: ${mode}`, threads: threadsOf({ mode }) })

/** Float32 numbers that move once. */
const moved = (count: number): Cost => ({ flops: 0, bytes: 4 * count })

function costOf({ tokens, inputs, outputs }: Layer): Cost {
  return {
    flops: 2 * tokens * inputs * outputs,
    bytes: 4 * (tokens * inputs + inputs * outputs + tokens * outputs),
  }
}

function canResolve(name: string): boolean {
  try {
    resolvePath(name)
    return true
  } catch {
    return false
  }
}

export function firstLine(error: unknown): string {
  return String(error instanceof Error ? error.message : error).split('\n')[0]
}
