// The race of `bench gpujs --race`: on WebGPU in Node, wherever there is a GPU, without a browser.
import type { Backend } from '../../engine/backend.ts'
import { createBackend } from '../../engine/backends.ts'
import { webGpuPeers } from '../peers/webgpu.ts'
import { isInstalled } from '../peers/peer.ts'
import type { NotRun, Results } from '../rows.ts'
import { timeSideBySide, type Starts } from '../side-by-side.ts'
import { measureGpuPeak } from './gpu-peak.ts'
import { ourContestant } from './our-layer.ts'
import type { Layer, RaceTask } from './race-layer.ts'
import { timeModel, type RaceSizes } from './race-model.ts'
import { raceRunner } from './race-runner.ts'
import { casesOf, packages, raceLayers, sums } from './race.ts'

const full: RaceSizes = { prefill: 512, encode: 1024, decode: 32, rounds: 4 }
const small: RaceSizes = { prefill: 16, encode: 16, decode: 3, rounds: 1 }

/** Full size on a GPU; in software the small one, and why. @param mode what computes */
export function raceSizes(mode: string, isSmall: boolean): { sizes: RaceSizes; notRun: NotRun[] } {
  if (isSmall) return { sizes: small, notRun: [] }
  if (!mode.includes('(software)')) return { sizes: full, notRun: [] }
  const sizes = `${full.prefill} tokens through GPT-2 small and ${full.encode} through an SAE`
  const reason = `this adapter computes in software: ${small.prefill} and ${small.encode} stand in for them, and the times say nothing about GPUs`
  return { sizes: small, notRun: [{ backend: sizes, reason }] }
}

/** @throws if gpujs:webgpu cannot run here, saying what to install */
export async function raceInNode(settings: {
  readonly small: boolean
  readonly quick: boolean
  readonly quiet: boolean
}): Promise<Omit<Results, 'machine'>> {
  await using ops = await createBackend('gpujs:webgpu')
  const { sizes, notRun } = raceSizes(ops.mode, settings.small)
  const roofline = await measureGpuPeak(ops.mode)
  const products = (tokens: number) => raceLayers(tokens, true).filter(({ relu }) => !relu)
  const encoder: Layer = { ...raceLayers(sizes.encode, true).find(({ relu }) => relu)! }
  const cases = [...products(sizes.prefill), ...products(1), encoder].flatMap(casesOf)
  const layers = await timeSideBySide(starts(ops), () => cases, {
    ...{ ...settings, rounds: sizes.rounds, roofline, label: 'race' },
  })
  const summed = [sizes.prefill, 1].flatMap((tokens) => sums(tokens, layers.rows))
  const { rows, gpu } = await timeModel(ops, sizes, settings.quiet, roofline.ceiling(1))
  return { rows: [...layers.rows, ...summed, ...rows], notRun: [...notRun, ...layers.notRun], gpu }
}

/** Ours, then the other libraries, which find WebGPU where ours has provided it. */
function starts(ops: Backend): Starts<RaceTask> {
  const ours = async () => ({ ...raceRunner(ops.name, ourContestant(ops)), close: () => {} })
  const others = Object.entries(webGpuPeers).map(([name, start]) => {
    const startPeer = async () => {
      if (!isInstalled(packages[name]))
        throw new Error('it is not installed; install it with: npm ci --prefix bench/peers')
      return { ...raceRunner(name, await start()), close: () => {} }
    }
    return [name, startPeer] as const
  })
  return [[ops.name, ours], ...others]
}
