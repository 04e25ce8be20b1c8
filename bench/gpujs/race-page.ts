// Runs in the browser: one contestant of bench/gpujs/race.ts.
import { backends, createBackend } from '../../engine/backends.ts'
import { browserPeers } from '../peers/webgpu.ts'
import { shortRuns } from '../timing.ts'
import { ourContestant } from './our-layer.ts'
import { checkLayer, makeProblem, type Contestant, type Prepared, type RaceTask } from './race-layer.ts'

let name = ''
let contestant: Contestant
let prepared: (Prepared & { readonly what: string }) | undefined
let part: RaceTask['part'] = 'compute'

/** -> what computes. @throws if it cannot run here, saying why */
export async function start(who: string): Promise<string> {
  name = who
  contestant = Object.hasOwn(backends, who)
    ? ourContestant(await createBackend(who))
    : await browserPeers[who]()
  return contestant.mode
}

/** Takes over the task's layer in place of another. @throws if its result is not the reference's */
export async function verify(task: RaceTask): Promise<void> {
  part = task.part
  const what = `${name} (${contestant.mode}): ${nameOf(task.layer)}`
  if (prepared?.what === what) return
  await prepared?.release()
  prepared = undefined
  const problem = makeProblem(task.layer)
  const ready = await contestant.prepare(problem)
  await checkLayer(what, problem, await ready.readBack())
  prepared = { ...ready, what }
}

const nameOf = ({ tokens, inputs, outputs, relu }: RaceTask['layer']) =>
  `${tokens}x${inputs}x${outputs}${relu ? ' with ReLU' : ''}`

/** Runs a part for `ms` milliseconds, at least once. -> milliseconds of the first 10,000 runs */
export async function time(ms: number): Promise<number[]> {
  return (await shortRuns(() => prepared![part]())(ms)).slice(0, 10_000)
}
