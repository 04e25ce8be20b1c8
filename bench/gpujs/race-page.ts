// Runs in the browser: one contestant of bench/gpujs/race.ts.
import { backends, createBackend } from '../../engine/backends.ts'
import { browserPeers } from '../peers/webgpu.ts'
import { shortRuns } from '../timing.ts'
import {
  checkLayer,
  makeProblem,
  type Contestant,
  type Layer,
  type Part,
  type Prepared,
} from './race-layer.ts'
import { ownContestant } from './our-layer.ts'

let name = ''
let contestant: Contestant | undefined
let prepared: Prepared | undefined

/** -> what computes. @throws if it cannot run here, saying why */
export async function start(who: string): Promise<string> {
  name = who
  contestant = Object.hasOwn(backends, who)
    ? ownContestant(await createBackend(who))
    : await browserPeers[who]()
  return contestant.mode
}

/** Takes over a layer in place of the one before. @throws if its result is not the reference's */
export async function prepare(layer: Layer): Promise<void> {
  await prepared?.release()
  prepared = undefined
  const problem = makeProblem(layer)
  prepared = await contestant!.prepare(problem)
  const what = `${name} (${contestant!.mode}): ${layer.tokens}x${layer.inputs}x${layer.outputs}`
  await checkLayer(what, problem, await prepared.readBack())
}

/** Runs a part for `ms` milliseconds, at least once. -> milliseconds of the first 10,000 runs */
export async function time(part: Part, ms: number): Promise<number[]> {
  return (await shortRuns(() => prepared![part]())(ms)).slice(0, 10_000)
}
