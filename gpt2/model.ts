// The model: the forward pass from token ids to logits.
import type { Backend, DeviceTensor, TextSpan } from '../engine/backend.ts'
import type { Tensor } from '../engine/tensor.ts'
import type { WeightStore } from '../engine/weights/weights.ts'
import type { LayerCache } from './attention.ts'
import { block } from './block.ts'
import type { Gpt2Config } from './config.ts'
import { embedding } from './embedding.ts'
import { Hooks, type HookTable } from './hooks.ts'
import { layerNorm } from './norm.ts'
import { loadWeights, releaseWeights, type Gpt2Weights } from './weights.ts'

/** GPT-2 (Radford et al. 2019): weights on a backend, ready to run; `using` frees them where the block ends. */
export interface Gpt2 extends Disposable {
  readonly config: Gpt2Config
  readonly ops: Backend
  readonly weights: Gpt2Weights
}

/**
 * Loads a model onto a backend. `store` may hold Hugging Face's names with or without `transformer.`; it is left open.
 * @param onTensor called with each tensor as it is loaded
 * @throws naming tensors that are missing, unknown, of another shape, or that hold NaN or infinity; nothing stays loaded
 */
export async function loadGpt2(
  ops: Backend,
  store: WeightStore,
  config: Gpt2Config,
  onTensor?: Parameters<typeof loadWeights>[3],
): Promise<Gpt2> {
  const weights = await loadWeights(ops, store, config, onTensor)
  return { config, ops, weights, [Symbol.dispose]: () => releaseWeights(ops, weights) }
}

/** Frees a model's memory on its backend, as the end of its `using` does. */
export function releaseGpt2(model: Gpt2): void {
  model[Symbol.dispose]()
}

/** Parts of the forward pass that are reused or left out. */
export interface RunOptions {
  /** Keys and values of the tokens before; only for a single text. */
  readonly cache?: readonly LayerCache[]
  /** Compute the logits of each text's last token only. */
  readonly lastOnly?: boolean
}

/**
 * The forward pass. Texts are token ids, laid end to end without padding; a hook sees the rows of all of
 * them, [sum of lengths, ...]. It runs as far as the deepest hook and no further: without a hook on `logits` there is no unembedding.
 * @throws for an empty text, an id outside the vocabulary, more tokens than positions, an unknown hook
 */
export async function run(
  { config, ops, weights }: Gpt2,
  texts: readonly (readonly number[])[],
  hookTable: HookTable,
  { cache, lastOnly = false }: RunOptions = {},
): Promise<void> {
  const hooks = new Hooks(hookTable, config)
  if (cache && hooks.blocks < config.nLayers)
    throw new Error(
      'run: with a cache the pass must reach the end, or the cache’s layers differ in length: add a hook on logits',
    )
  const spans = checkTexts(texts, config, cache)
  const ids = texts.flat()
  const positions = spans.flatMap(({ queries, keys }) => range(keys - queries, keys))
  const pass = { config, hooks, texts: spans }

  await ops.scope(async (ops) => {
    let x = await embedding(ops, ids, positions, weights, hooks) // [tokens, dModel]
    for (let layer = 0; layer < hooks.blocks; layer++)
      x = await ops.scope((ops) => block(ops, x, weights.blocks[layer], pass, layer, cache?.[layer]))
    if (!hooks.wantsFinalNorm) return void (await hooks.at(`blocks.${hooks.blocks}.hook_resid_pre`, x, ops))
    if (lastOnly) x = await ops.takeRows(x, lastRows(texts))
    const normalized = await layerNorm(ops, x, weights.ln_f, pass, 'ln_final') // [tokens, dModel]
    const last = await hooks.at('unembed.hook_in', normalized, ops)
    if (!hooks.wantsLogits) return
    const logits = await ops.linear(last, weights.lm_head) // [tokens, dVocab]
    await hooks.at('logits', await hooks.at('unembed.hook_out', logits, ops), ops)
  })
}

/** The row of each text's last token; texts are end to end. */
export function lastRows(texts: readonly (readonly number[])[]): number[] {
  let end = 0
  return texts.map((text) => (end += text.length) - 1)
}

/**
 * Runs the model and keeps the named activations. -> one tensor per name, rows of all texts
 * @throws as `run` does
 */
export async function capture(
  model: Gpt2,
  texts: readonly (readonly number[])[],
  names: readonly string[],
  options?: RunOptions,
): Promise<Map<string, Tensor>> {
  const captured = new Map<string, Tensor>()
  const keep = (name: string) => async (x: DeviceTensor, ops: Backend) => {
    captured.set(name, await ops.download(x))
  }
  await run(model, texts, Object.fromEntries(names.map((name) => [name, keep(name)])), options)
  return captured
}

function checkTexts(
  texts: readonly (readonly number[])[],
  { nCtx, dVocab }: Gpt2Config,
  cache?: readonly LayerCache[],
): TextSpan[] {
  if (texts.length === 0) throw new Error('run: no texts')
  if (cache && texts.length > 1) throw new Error(`run: a cache holds one text, got ${texts.length} texts`)
  const past = cache?.[0]?.keys.length ?? 0
  return texts.map((ids, text) => {
    if (ids.length === 0)
      throw new Error(`run: text ${text} has no tokens; it needs at least one, and <|endoftext|> counts`)
    if (past + ids.length > nCtx)
      throw new Error(
        `run: text ${text} has ${past + ids.length} tokens, but the model has ${nCtx} positions; shorten it`,
      )
    for (const [position, id] of ids.entries())
      if (!Number.isInteger(id) || id < 0 || id >= dVocab)
        throw new Error(
          `run: text ${text}, position ${position}: id ${id} is not in the vocabulary 0..${dVocab - 1}`,
        )
    return { queries: ids.length, keys: past + ids.length }
  })
}

function range(from: number, to: number): number[] {
  return Array.from({ length: to - from }, (_, i) => from + i)
}
