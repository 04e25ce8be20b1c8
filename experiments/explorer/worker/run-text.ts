// One text through the model, with all that the page shows read along the way.
import { sliceRows, type SparseRows } from '../../../engine/sparse.ts'
import type { Hook, HookTable } from '../../../gpt2/hooks.ts'
import { run } from '../../../gpt2/model.ts'
import { encode } from '../../../sae/encoder.ts'
import type { Change } from '../../lab/models/changes.ts'
import type { EditedRun, LayerRun, SparseFeatures, TextRun, TopPerToken } from '../protocol.ts'
import { checkEdit } from './edit-hooks.ts'
import { first, KEPT, logitLens, strongest } from './guesses.ts'
import type { Model } from './model.ts'
import { runEdited, type OnLayer } from './run-edited.ts'
import { shownTokens, tokenize } from './tokens.ts'

/**
 * One forward pass over a text, read layer by layer; and, where something is to be changed, a second pass.
 * @throws Fault for a text that is too long, or if there is no such feature, head or neuron; whatever `onLayer` throws
 */
export async function runText(
  model: Model,
  { text, edit }: { text: string; edit: readonly Change[] },
  onLayer: OnLayer,
): Promise<TextRun> {
  const start = performance.now()
  checkEdit(model, edit) // before any work
  const ids = tokenize(model, text)
  const pass = new Pass()
  let next: TopPerToken | undefined
  let edited: EditedRun | null = null
  let editedMs = 0
  await run(model.gpt2, [ids], {
    ...layerHooks(model, pass, onLayer),
    logits: async (x, ops) => {
      const probabilities = await ops.softmax(x)
      next = await strongest(ops, probabilities, KEPT.next)
      pass.lens.push(first(next, KEPT.lens)) // the last layer's is the answer
      pass.times.push(performance.now())
      if (edit.length === 0) return
      const began = performance.now()
      const clean = { next, logits: x, probabilities: await ops.download(probabilities) }
      edited = await runEdited(model, ids, edit, clean, onLayer)
      editedMs = performance.now() - began
    },
  })
  const now = performance.now()
  const guesses = [...pass.lens, next!, ...(edited ? [(edited as EditedRun).next] : [])]
  return {
    text,
    tokens: shownTokens(model, ids),
    layers: pass.layers(),
    next: next!,
    names: new Map(guesses.flatMap(({ indices }) => Array.from(indices, (id) => [id, model.nameOf(id)]))),
    edited,
    ms: { total: now - start, edited: editedMs },
  }
}

/** What a pass has read so far, one entry per layer; when a block and its lens began and ended, and how long its SAE took. */
class Pass {
  readonly features: SparseFeatures[] = []
  readonly attention: Float32Array[] = []
  readonly neurons: TopPerToken[] = []
  readonly lens: TopPerToken[] = []
  readonly times: number[] = []
  readonly saeMs: number[] = []

  layers(): LayerRun[] {
    const { attention, neurons, lens, times, saeMs } = this
    return this.features.map((features, layer) => {
      const [beganBlock, beganLens, ended] = times.slice(3 * layer)
      const sae = saeMs[layer]
      const ms = { sae, block: beganLens - beganBlock - sae, lens: ended - beganLens }
      return { layer, features, attention: attention[layer], neurons: neurons[layer], lens: lens[layer], ms }
    })
  }
}

/** The hooks that read every layer, in the order in which the pass reaches them; the logits serve as the last layer's lens. */
function layerHooks(model: Model, pass: Pass, onLayer: OnLayer): HookTable {
  const hooks: Record<string, Hook[]> = {}
  const add = (name: string, hook: Hook): void => void (hooks[name] ??= []).push(hook)
  for (const [layer, sae] of model.saes.entries()) {
    const name = `blocks.${layer}`
    add(`${name}.hook_resid_pre`, async ({ shape: [tokens] }) => {
      await onLayer(layer)
      pass.times.push(performance.now())
      pass.features[layer] = noFeatures(tokens)
      pass.saeMs[layer] = 0
    })
    if (sae) {
      const hook = sae.config.hookName
      add(hook, async (x, ops) => {
        const began = performance.now()
        pass.features[layer] = withoutBos(hook, await encode(ops, sae, x))
        pass.saeMs[layer] = performance.now() - began
      })
    }
    add(`${name}.attn.hook_pattern`, async (x, ops) => {
      pass.attention.push((await ops.download(x)).data)
    })
    add(`${name}.mlp.hook_post`, async (x, ops) => {
      pass.neurons.push(await strongest(ops, x, KEPT.neurons))
    })
    add(`${name}.hook_resid_post`, async (x, ops) => {
      pass.times.push(performance.now())
      if (layer === model.gpt2.config.nLayers - 1) return
      pass.lens.push(await strongest(ops, await logitLens(ops, model, x), KEPT.lens))
      pass.times.push(performance.now())
    })
  }
  return hooks
}

/** For a layer without an SAE. */
function noFeatures(tokens: number): SparseFeatures {
  return {
    hook: '',
    offsets: new Uint32Array(tokens + 1),
    indices: new Uint32Array(),
    values: new Float32Array(),
  }
}

/** BOS says nothing about the text: its row is left empty. */
function withoutBos(hook: string, rows: SparseRows): SparseFeatures {
  const { offsets, indices, values } = sliceRows(rows, 1, rows.shape[0])
  return { hook, offsets: Uint32Array.of(0, ...offsets), indices, values }
}
