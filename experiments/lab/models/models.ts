// A model with its tokenizer and SAEs, opened on a backend.
import type { Backend } from '../../../engine/backend.ts'
import { bosOf, type Gpt2Config } from '../../../gpt2/config.ts'
import type { Shape } from '../../../engine/tensor.ts'
import type { WeightSource, WeightStore } from '../../../engine/weights/weights.ts'
import { loadGpt2, releaseGpt2, type Gpt2 } from '../../../gpt2/model.ts'
import type { Tokenizer } from '../../../gpt2/tokenizer.ts'
import { allShapes, hasOwnUnembedding } from '../../../gpt2/weights.ts'
import type { SaeConfig } from '../../../sae/config.ts'
import { loadSae, type Sae } from '../../../sae/weights.ts'
import { printNote } from '../cli/print.ts'
import { UserError } from '../cli/user-error.ts'
import { checkFits, float32Bytes, saeBytes } from './fits.ts'
import { withBos } from './folder-tokenizer.ts'
import { memoryLimit } from './memory-limit.ts'
import type { Published } from './hub/releases.ts'
import type { SourceOptions } from './source-options.ts'
import { findModel } from './model-source.ts'
import { createProgress } from '../cli/progress.ts'

/** A model loaded on a backend, with its tokenizer and the SAEs that belong to it; `using` releases it where the block ends. */
export interface OpenModel extends Disposable {
  readonly name: string
  /** Repository and revision of a known model. */
  readonly origin?: string
  /** Where the SAEs come from, if they were asked for. */
  readonly saesOrigin?: string
  readonly gpt2: Gpt2
  readonly tokenizer: Tokenizer
  /** The hooks that have an SAE, in the model's order. */
  readonly saeHooks: readonly string[]
  /** What the SAE of this hook says of itself. @throws UserError if there is none */
  saeConfig(hook: string): SaeConfig
  /** What the SAE's authors published about it, if anything. */
  saePublished(hook: string): Published | undefined
  /** Fetches the weights of these hooks' SAEs, under one progress bar, where they are not on this machine yet. */
  prepareSaes(hooks: readonly string[]): Promise<void>
  /**
   * Loads the SAE of this hook: `using sae = await model.openSae(hook)`.
   * @throws UserError if there is none, or it does not fit beside the model
   */
  openSae(hook: string): Promise<Sae>
  /** Has the system read this SAE's file while another one computes, so that opening it does not wait for the disk. */
  readAheadSae(hook: string): Promise<void>
  /**
   * BOS and the text's ids.
   * @param options what errors call the text; whether it may have more tokens than the model has positions
   * @throws UserError if the text has no tokens, or too many: then with the tokenizer's error as its cause
   */
  tokenize(text: string, options?: TokenizeOptions): number[]
  /** Frees the model's weights; an SAE that is open has its own. */
  release(): void
}

interface TokenizeOptions {
  readonly name?: string
  readonly anyLength?: boolean
}

/**
 * Loads a model onto a backend: `tiny` (bundled), `synthetic` (GPT-2 small's sizes, weights from a formula), `gpt2`
 * and the other known ones, fetched where they are not on this machine yet, or a folder in Hugging Face's GPT-2 format.
 * @param limit the memory that there is, unless a test says otherwise
 * @throws UserError with the sizes if the model does not fit; `openSae` likewise, with those that are open
 */
export async function openModel(
  name: string,
  ops: Backend,
  { quiet = false, offline, dir, saes }: SourceOptions = {},
  limit = memoryLimit(ops.name),
): Promise<OpenModel> {
  const source = await findModel(name, { quiet, offline, dir, saes })
  const shapes = allShapes(source.config)
  checkFits(name, float32Bytes(shapes), limit)
  const tokenizer = await source.tokenizer()
  const note = (text: string) => void (quiet || printNote(`${source.name}: ${text}`))
  const config = withBos(source.config, tokenizer, note)
  const store = await source.weights()
  const bytes = await untiedToo(store, config, shapes, (bytes) => checkFits(name, bytes, limit))
  using progress = createProgress({ label: `loading ${name}`, total: shapes.size, unit: 'tensors', quiet })
  let doubles = 0
  const onTensor = ({ storedAs }: WeightSource) => {
    if (storedAs === 'F64') doubles++
    progress.step()
  }
  const gpt2 = await loadGpt2(ops, store, config, onTensor).finally(() => store.close())
  if (doubles > 0) note(`${doubles} tensors are F64; they are rounded to float32`)
  if (gpt2.weights.lm_head !== gpt2.weights.wte && !config.untied)
    note('lm_head.weight is another matrix than wte.weight, whatever config.json says: it is the unembedding')
  const sae = (hook: string) => {
    const found = source.saes.get(hook)
    if (found) return found
    const known = [...source.saes.keys()].join(', ') || 'none'
    throw new UserError(`there is no SAE of ${name} for ${hook}; there are: ${known}`)
  }
  const open = new Map<Sae, number>() // bytes of each
  return {
    name: source.name,
    origin: source.origin,
    saesOrigin: source.saesOrigin,
    gpt2,
    tokenizer,
    saeHooks: [...source.saes.keys()],
    saeConfig: (hook) => sae(hook).config,
    saePublished: (hook) => sae(hook).published,
    prepareSaes: (hooks) => source.prepareSaes(hooks),
    async openSae(hook) {
      const source = sae(hook)
      const own = saeBytes(source.config)
      const others = [...open.values()].reduce((sum, others) => sum + others, 0)
      const beside = open.size > 0 ? ` beside ${open.size} open` : ''
      checkFits(`${name} with the SAE of ${hook}${beside}`, bytes + others + own, limit)
      const saeStore = await source.weights()
      try {
        const loaded = await loadSae(ops, saeStore, source.config)
        const sae = { ...loaded, [Symbol.dispose]: () => void (open.delete(sae) && loaded[Symbol.dispose]()) }
        open.set(sae, own)
        return sae
      } finally {
        await saeStore.close()
      }
    },
    readAheadSae: (hook) => sae(hook).readAhead(),
    tokenize: (text, options) => tokenizeText(tokenizer, config, text, options),
    release: () => releaseGpt2(gpt2),
    [Symbol.dispose]: () => releaseGpt2(gpt2),
  }
}

/** Adds an unembedding of its own to the shapes, which a config need not tell of. -> the bytes of all; closes the store where they do not fit */
async function untiedToo(
  store: WeightStore,
  config: Gpt2Config,
  shapes: Map<string, Shape>,
  check: (bytes: number) => void,
): Promise<number> {
  try {
    if (await hasOwnUnembedding(store, config)) shapes.set('lm_head.weight', shapes.get('wte.weight')!)
    const bytes = float32Bytes(shapes)
    check(bytes)
    return bytes
  } catch (error) {
    await store.close()
    throw error
  }
}

/** Opens the SAE of a hook, has `work` done with it, and releases it, also where the work fails. */
export async function withSae<T>(
  model: Pick<OpenModel, 'openSae'>,
  hook: string,
  work: (sae: Sae) => Promise<T>,
): Promise<T> {
  using sae = await model.openSae(hook)
  return await work(sae)
}

/** See `tokenize` of an open model. */
export function tokenizeText(
  tokenizer: Tokenizer,
  config: Pick<Gpt2Config, 'bos' | 'dVocab' | 'nCtx'>,
  text: string,
  { name, anyLength = false }: TokenizeOptions = {},
): number[] {
  const shown = JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
  let ids: number[]
  try {
    ids = tokenizer.encode(text, anyLength ? {} : { maxTokens: config.nCtx - 1 }) // one position is BOS's
  } catch (error) {
    throw new UserError(`${name === undefined ? 'text' : `${name}:`} ${shown}: ${(error as Error).message}`, {
      cause: error,
    })
  }
  if (ids.length === 0)
    throw new UserError(
      `${name === undefined ? '' : `${name}: `}the text is empty; give at least one character`,
    )
  return [bosOf(config), ...ids]
}
