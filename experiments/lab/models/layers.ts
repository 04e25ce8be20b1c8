// From texts to features, layer by layer: the loop that every experiment on SAE features runs.
import { setImmediate } from 'node:timers/promises'
import type { SparseRows } from '../../../engine/sparse.ts'
import type { Tensor } from '../../../engine/tensor.ts'
import type { Sae } from '../../../sae/weights.ts'
import { createProgress } from '../cli/progress.ts'
import { captureStreams, encodeStream } from './features.ts'
import { layerOf } from './hooks.ts'
import { withSae, type OpenModel } from './models.ts'

/** A layer while its SAE is open. Rows are the tokens of all texts, end to end, each text with BOS. */
export interface OpenLayer {
  readonly hook: string
  readonly layer: number
  readonly sae: Sae
  /** [tokens, d_in], as it is at the hook */
  readonly stream: Tensor
  /** sparse [tokens, d_sae] */
  readonly features: SparseRows
}

/**
 * One forward pass for all SAEs, then one SAE at a time while the system reads the next one's file; with progress.
 * @param texts ids with BOS
 */
export async function forEachLayer(
  model: OpenModel,
  texts: readonly (readonly number[])[],
  hooks: readonly string[],
  quiet: boolean,
  work: (layer: OpenLayer) => void | Promise<void>,
): Promise<void> {
  const streams = await captureWithProgress(model, texts, hooks, quiet)
  using progress = createProgress({ label: 'features', total: hooks.length, unit: 'layers', quiet })
  for (const [i, hook] of hooks.entries()) {
    await withSae(model, hook, async (sae) => {
      const ahead = i + 1 < hooks.length ? model.readAheadSae(hooks[i + 1]) : undefined
      const stream = streams.get(hook)!
      const features = await encodeStream(sae.ops, sae, stream)
      await work({ hook, layer: layerOf(hook), sae, stream, features })
      await ahead
    })
    progress.step()
    await setImmediate() // Ctrl-C is heard between layers
  }
}

async function captureWithProgress(
  { gpt2 }: OpenModel,
  texts: readonly (readonly number[])[],
  hooks: readonly string[],
  quiet: boolean,
): Promise<Map<string, Tensor>> {
  using progress = createProgress({ label: 'forward pass', total: texts.length, unit: 'texts', quiet })
  return await captureStreams(gpt2, texts, hooks, (done) => progress.update(done))
}
