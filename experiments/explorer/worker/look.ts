import { sliceRows, type SparseRows } from '../../../engine/sparse.ts'
import type { Tensor } from '../../../engine/tensor.ts'
import type { HookTable } from '../../../gpt2/hooks.ts'
import { run } from '../../../gpt2/model.ts'
import { encode } from '../../../sae/encoder.ts'
import type { EndLook, FeatureEdit, LayerLook, SparseFeatures, Token, TopPerToken } from '../protocol.ts'
import { lookAfterEdit } from './edited.ts'
import { activeNeurons, logitLens, nextTokens } from './guesses.ts'
import { saeOf, type Model } from './model.ts'
import { shownTokens, tokenize } from './tokens.ts'

/** What takes the parts of a look, in the order in which they are ready. */
export interface LookSteps {
  tokens(tokens: readonly Token[]): void
  layer(layer: LayerLook): void
  /** Lets other messages in. @throws to give the look up */
  pause(): Promise<void>
}

/**
 * One forward pass over a text, with all that the page shows read along the way, a layer at a time; and, where a
 * feature is to be edited, a second pass.
 * @throws Fault for a text that is too long, or a feature that there is not; whatever `pause` throws
 */
export async function look(
  model: Model,
  { text, edit }: { text: string; edit: FeatureEdit | null },
  steps: LookSteps,
): Promise<EndLook> {
  const start = performance.now()
  if (edit) saeOf(model, edit.hook, edit.feature, 'edit') // before any work
  const ids = tokenize(model, text)
  steps.tokens(shownTokens(model, ids))
  const guessed = new Set<number>()
  const onLayer = (layer: LayerLook) => {
    for (const id of layer.lens.indices) guessed.add(id)
    steps.layer(layer)
  }
  const layers = Array.from({ length: model.gpt2.config.nLayers }, (_, layer) =>
    layerHooks(model, layer, { layer: onLayer, pause: () => steps.pause() }),
  )
  let next: TopPerToken | undefined
  let logits: Tensor | undefined
  await run(model.gpt2, [ids], {
    ...(Object.assign({}, ...layers) as HookTable),
    logits: async (x, ops) => {
      next = await nextTokens(ops, await ops.softmax(x))
      if (edit) logits = await ops.download(x)
    },
  })
  const clean = { next: next!, logits: logits! }
  const passed = performance.now()
  const edited = edit && (await lookAfterEdit(model, ids, edit, clean, () => steps.pause()))
  for (const { indices } of edited ? [clean.next, edited.next] : [clean.next])
    for (const id of indices) guessed.add(id)
  const names = new Map([...guessed].map((id) => [id, model.nameOf(id)]))
  const now = performance.now()
  return { next: clean.next, names, edited, ms: { total: now - start, edited: edited ? now - passed : 0 } }
}

/** The hooks that read one layer, in the order in which the pass reaches them. */
function layerHooks(model: Model, layer: number, steps: Pick<LookSteps, 'layer' | 'pause'>): HookTable {
  const name = `blocks.${layer}`
  const hook = `${name}.hook_resid_pre`
  const sae = saeOf(model, hook, 0, 'edit')
  const found: { -readonly [Part in keyof LayerLook]?: LayerLook[Part] } = { layer }
  let [beganSae, beganBlock, beganLens] = [0, 0, 0]
  return {
    [hook]: async (x, ops) => {
      await steps.pause()
      beganSae = performance.now()
      found.features = withoutBos(hook, await encode(ops, sae, x))
      beganBlock = performance.now()
    },
    [`${name}.attn.hook_pattern`]: async (x, ops) => {
      found.attention = (await ops.download(x)).data
    },
    [`${name}.mlp.hook_post`]: async (x, ops) => {
      found.neurons = await activeNeurons(ops, x)
    },
    [`${name}.hook_resid_post`]: async (x, ops) => {
      beganLens = performance.now()
      found.lens = await logitLens(ops, model, x)
      const ended = performance.now()
      found.ms = { sae: beganBlock - beganSae, block: beganLens - beganBlock, lens: ended - beganLens }
      steps.layer(found as LayerLook)
    },
  }
}

/** BOS says nothing of the text: its row is left empty. */
function withoutBos(hook: string, rows: SparseRows): SparseFeatures {
  const { offsets, indices, values } = sliceRows(rows, 1, rows.shape[0])
  return { hook, offsets: Uint32Array.of(0, ...offsets), indices, values }
}
