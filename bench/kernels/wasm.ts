// The steps after JavaScript: the engine's own kernel, told what it may use.
import { Engine, type EngineOptions } from '../../engine/wasm/engine.ts'
import { runLinear } from '../../engine/wasm/linear.ts'
import { kernelModules } from '../../engine/wasm/module.ts'
import { prepareLinear } from '../../engine/wasm/panels.ts'
import { platform as nodePlatform } from '../../engine/wasm/platform/platform-node.ts'
import { Tensor } from '../../engine/tensor.ts'
import { sourceOf } from '../../engine/weights/weights.ts'
import type { PreparedMatmul, Problem } from '../matmul.ts'

/**
 * C = A x B by the WebAssembly engine's own kernel (engine/wasm/tile.ts): packed panels and register tiles as in
 * packed.ts, with vectors for numbers. What the engine is allowed to use is the only difference between rungs.
 */
export async function prepareEngine(
  { m, k, n, a, b }: Problem,
  allowed: EngineOptions,
): Promise<PreparedMatmul & { readonly mode: string }> {
  const engine = new Engine(nodePlatform, kernelModules, allowed)
  const layer = await prepareLinear(engine, sourceOf('B', new Tensor([k, n], b)))
  const x = engine.arena.allocate(m * k * 4, 'A')
  const out = engine.arena.allocate(m * n * 4, 'C')
  engine.arena.floats(x, m * k).set(a)
  return {
    mode: engine.mode,
    async run() {
      await runLinear(engine, layer, { x, rows: m, residual: 0, out, activation: 'none' })
      return engine.arena.floats(out, m * n)
    },
    release: () => engine.dispose(),
  }
}
