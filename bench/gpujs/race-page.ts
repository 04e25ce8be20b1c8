// Runs in the browser: one contestant of bench/gpujs/race.ts.
import { backends, createBackend } from '../../engine/backends.ts'
import { webGpuPeers } from '../peers/webgpu.ts'
import { ourContestant } from './our-layer.ts'
import type { RaceTask } from './race-layer.ts'
import { raceRunner } from './race-runner.ts'

let runner: ReturnType<typeof raceRunner>

/** -> what computes. @throws if it cannot run here, saying why */
export async function start(who: string): Promise<string> {
  const isOurs = Object.hasOwn(backends, who)
  runner = raceRunner(who, isOurs ? ourContestant(await createBackend(who)) : await webGpuPeers[who]())
  return runner.mode
}

export const verify = (task: RaceTask): Promise<void> => runner.verify(task)
export const time = (ms: number): Promise<number[]> => runner.time(ms)
