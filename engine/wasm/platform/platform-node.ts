// The engine's platform in Node.
import { availableParallelism } from 'node:os'
import { performance } from 'node:perf_hooks'
import { compileOptimised } from './flags-node.ts'
import type { Platform } from './platform.ts'
import { detectFeatures } from './features.ts'
import { instantiate } from '../instance.ts'
import { peakModule, type Peak } from './peak.ts'
import { spawnWorker } from '../threads/spawn-node.ts'

export const platform: Platform = {
  compile: compileOptimised,
  pairs,
  spawn: spawnWorker,
  mayBlock: true,
  cores: availableParallelism(),
}

/** V8 complains on stderr of a flag that it does not have; that of pairs came with version 13 (Node 24). */
const hasPairs = Number.parseInt(process.versions.v8) >= 13

let pairsMeasured: boolean | undefined

/**
 * Whether V8 makes 256-bit code of paired 128-bit operations. It says so nowhere, and takes the flag where it does
 * nothing (on other processors, or not built in), so it is measured.
 * A wrong answer would cost speed, never a bit of a result.
 */
function pairs(): boolean {
  pairsMeasured ??= hasPairs && pairsDouble()
  return pairsMeasured
}

/** Rounds of multiply-adds of one timing: some 30 microseconds. */
const ROUNDS = 2000
const [LEAST_TIMINGS, MOST_TIMINGS] = [4, 100]

/**
 * Whether the same multiply-adds run about twice as fast when compiled in pairs. Timings of both alternate, and the
 * best of each count, because whatever else the machine does only makes them slower. Clear after a fifth of a
 * millisecond on an idle machine; on a busy one it is repeated while the ratio lies between the two answers.
 */
function pairsDouble(): boolean {
  const kernels = [compilePeak(false), compilePeak(true)]
  const best = [Infinity, Infinity]
  for (let timing = 1; timing <= MOST_TIMINGS; timing++) {
    for (const [i, kernel] of kernels.entries()) {
      const start = performance.now()
      kernel.peak(ROUNDS, 0)
      best[i] = Math.min(best[i], performance.now() - start)
    }
    const ratio = best[0] / best[1]
    if (timing >= LEAST_TIMINGS && (ratio < 1.2 || ratio > 1.7)) break
  }
  return best[0] / best[1] > 1.4
}

/** Multiply-adds in registers only. */
function compilePeak(paired: boolean): Peak {
  const { fused } = detectFeatures()
  const module = compileOptimised(peakModule('float32', { fused, paired, shared: false }), { paired })
  return instantiate<Peak>(module, new WebAssembly.Memory({ initial: 1, maximum: 1 }))
}
