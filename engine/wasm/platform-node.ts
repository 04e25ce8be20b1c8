import { availableParallelism } from 'node:os'
import { performance } from 'node:perf_hooks'
import { compileOptimised } from './flags-node.ts'
import type { Platform } from './engine.ts'
import { detectFeatures } from './features.ts'
import { instantiate } from './instance.ts'
import { PEAK_FLOPS_PER_ROUND, rooflineModule, type Roofline } from './roofline.ts'
import { spawnWorker } from './spawn-node.ts'

export const nodePlatform: Platform = {
  compile: compileOptimised,
  pairs,
  spawn: spawnWorker,
  mayBlock: true,
  cores: availableParallelism(),
}

let pairsMeasured: boolean | undefined

/**
 * Whether V8 makes 256-bit code of paired 128-bit operations. It says so nowhere, and takes the flag where it does
 * nothing (on other processors, or not built in), so it is measured: the same multiply-adds, in half a millisecond,
 * compiled with and without. A wrong answer would cost speed, never a bit of a result.
 */
function pairs(): boolean {
  pairsMeasured ??= measureRate(true) > 1.4 * measureRate(false)
  return pairsMeasured
}

/** GFLOP/s of register-only multiply-adds, the best of ten short runs. */
function measureRate(paired: boolean): number {
  const fused = detectFeatures().fused
  const memory = new WebAssembly.Memory({ initial: 1, maximum: 1 })
  const module = compileOptimised(rooflineModule({ fused, paired, shared: false }), { paired })
  const roofline = instantiate<Roofline>(module, memory)
  const rounds = 200
  let best = 0
  for (let run = 0; run < 10; run++) {
    const start = performance.now()
    roofline.peak(rounds, 0)
    best = Math.max(best, (rounds * PEAK_FLOPS_PER_ROUND) / (performance.now() - start) / 1e6)
  }
  return best
}
