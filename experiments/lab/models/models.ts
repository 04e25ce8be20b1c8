// A model with its tokenizer and SAEs, opened on a backend.
import type { Backend } from '../../../engine/backend.ts'
import type { Gpt2Config } from '../../../gpt2/config.ts'
import { loadGpt2, releaseGpt2, type Gpt2 } from '../../../gpt2/model.ts'
import { createTokenizer, type Tokenizer } from '../../../gpt2/tokenizer.ts'
import { weightShapes } from '../../../gpt2/weights.ts'
import type { SaeConfig } from '../../../sae/config.ts'
import { loadSae, releaseSae, saeShapes, type Sae } from '../../../sae/weights.ts'
import { UserError } from '../cli/user-error.ts'
import { checkFits, float32Bytes, memoryLimit } from './memory-limit.ts'
import type { SourceOptions } from './source-options.ts'
import { findModel } from './model-source.ts'
import { createProgress } from '../cli/progress.ts'

/** A model loaded on a backend, with its tokenizer and the SAEs that belong to it. */
export interface OpenModel {
  readonly name: string
  /** Repository and revision of a known model. */
  readonly origin?: string
  readonly gpt2: Gpt2
  readonly tokenizer: Tokenizer
  /** The hooks that there are SAEs for, in the model's order. */
  readonly saeHooks: readonly string[]
  saeConfig(hook: string): SaeConfig
  /** Fetches the weights of these hooks' SAEs, all with one progress, where they are not on this machine yet. */
  prepareSaes(hooks: readonly string[]): Promise<void>
  openSae(hook: string): Promise<Sae>
  /** Has the system read this SAE's file while another one computes, so that opening it does not wait for the disk. */
  readAheadSae(hook: string): Promise<void>
  /** BOS and the text's ids. @throws UserError if the text has no tokens or more than the model has positions */
  tokenize(text: string): number[]
  release(): void
}

/** The 8-bit columns that exact screening makes of an encoder, as a share of the SAE. */
const SCREEN_SHARE = 1 / 8

/**
 * Loads a model onto a backend: `tiny` (bundled), `synthetic` (GPT-2 small's sizes, weights from a formula), `gpt2`
 * and the other known ones, fetched where they are not on this machine yet, or a folder in Hugging Face's GPT-2 format.
 * @param limit the memory that there is, unless a test says otherwise
 * @throws UserError with the sizes if the model does not fit; `openSae` likewise
 */
export async function openModel(
  name: string,
  ops: Backend,
  { quiet = false, offline, dir }: SourceOptions = {},
  limit = memoryLimit(ops.name),
): Promise<OpenModel> {
  const source = await findModel(name, { quiet, offline, dir })
  const shapes = weightShapes(source.config)
  const bytes = float32Bytes(shapes)
  checkFits(name, bytes, limit)
  const tokenizer = await createTokenizer({ vocabularySize: source.config.dVocab })
  const store = await source.weights()
  using progress = createProgress({ label: `loading ${name}`, total: shapes.size, unit: 'tensors', quiet })
  const gpt2 = await loadGpt2(ops, store, source.config, () => progress.step()).finally(() => store.close())
  const sae = (hook: string) => {
    const found = source.saes.get(hook)
    if (found) return found
    const known = [...source.saes.keys()].join(', ') || 'none'
    throw new UserError(`there is no SAE of ${name} for ${hook}; there are: ${known}`)
  }
  return {
    name: source.name,
    origin: source.origin,
    gpt2,
    tokenizer,
    saeHooks: [...source.saes.keys()],
    saeConfig: (hook) => sae(hook).config,
    prepareSaes: (hooks) => source.prepareSaes(hooks),
    async openSae(hook) {
      const source = sae(hook)
      const saeBytes = (1 + SCREEN_SHARE) * float32Bytes(saeShapes(source.config))
      checkFits(`${name} with the SAE of ${hook}`, bytes + saeBytes, limit)
      const saeStore = await source.weights()
      try {
        return await loadSae(ops, saeStore, source.config)
      } finally {
        await saeStore.close()
      }
    },
    readAheadSae: (hook) => sae(hook).readAhead(),
    tokenize: (text) => tokenize(tokenizer, source.config, text),
    release: () => releaseGpt2(gpt2),
  }
}

/** Opens the SAE of a hook, has `work` done with it, and releases it, also where the work fails. */
export async function withSae<T>(
  model: Pick<OpenModel, 'openSae'>,
  hook: string,
  work: (sae: Sae) => Promise<T>,
): Promise<T> {
  const sae = await model.openSae(hook)
  try {
    return await work(sae)
  } finally {
    releaseSae(sae)
  }
}

/** BOS and a prompt's ids. Unlike a text, a prompt may be empty: the model then writes on from BOS. */
export function tokenizePrompt(model: Pick<OpenModel, 'gpt2' | 'tokenize'>, prompt: string): number[] {
  return prompt === '' ? [model.gpt2.config.bos] : model.tokenize(prompt)
}

function tokenize(tokenizer: Tokenizer, { nCtx, bos }: Gpt2Config, text: string): number[] {
  const shown = JSON.stringify(text.length > 40 ? `${text.slice(0, 40)}…` : text)
  let ids: number[]
  try {
    ids = tokenizer.encode(text, { maxTokens: nCtx - 1 }) // one position is BOS's
  } catch (error) {
    throw new UserError(`text ${shown}: ${(error as Error).message}`, { cause: error })
  }
  if (ids.length === 0) throw new UserError('the text is empty; give at least one character')
  return [bos, ...ids]
}
