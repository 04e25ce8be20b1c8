import { setImmediate } from 'node:timers/promises'
import { releaseSae } from '../../sae/weights.ts'
import { resolveThreshold, type ThresholdSpec } from '../black-box/threshold.ts'
import { UserError } from '../common/cli.ts'
import { captureStreams, encodeStream } from '../common/features.ts'
import { layerOf } from '../common/hooks.ts'
import type { OpenModel } from '../common/models.ts'
import { createProgress } from '../common/progress.ts'
import { analyseLayer, type Settings } from './analysis.ts'
import type { Design } from './design.ts'
import type { TokenKind } from './token-kinds.ts'

/** The design's texts as a model reads them. */
export interface ReadTexts {
  /** With BOS. */
  readonly ids: readonly (readonly number[])[]
  readonly kinds: readonly (readonly TokenKind[])[]
}

/** From token ids to figures: one forward pass for all SAEs, then an SAE at a time. */
export async function analyseModel(
  model: OpenModel,
  { ids, kinds }: ReadTexts,
  hooks: readonly string[],
  design: Design,
  settings: Settings & { threshold: ThresholdSpec; quiet: boolean },
): Promise<ReturnType<typeof analyseLayer>[]> {
  const { threshold, quiet } = settings
  const streams = await (async () => {
    using progress = createProgress({ label: 'forward pass', total: ids.length, unit: 'texts', quiet })
    return captureStreams(model.gpt2, ids, hooks, (done) => progress.update(done))
  })()
  using progress = createProgress({ label: 'features', total: hooks.length, unit: 'layers', quiet })
  const layers: ReturnType<typeof analyseLayer>[] = []
  for (const hook of hooks) {
    const sae = await model.openSae(hook)
    const features = await encodeStream(model.gpt2.ops, sae, hook, streams.get(hook)!) // [tokens, d_sae]
    releaseSae(sae)
    const input = { layer: layerOf(hook), features, kinds }
    try {
      layers.push(
        analyseLayer(
          { ...input, thresholdOf: (means) => resolveThreshold(threshold, means) },
          design,
          settings,
        ),
      )
    } catch (error) {
      throw new UserError(`${hook}: ${(error as Error).message}`, { cause: error })
    }
    progress.step()
    await setImmediate() // Ctrl-C is heard between layers
  }
  return layers
}
