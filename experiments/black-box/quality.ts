// How good the SAEs are, and on which texts that is measured.
import { bosOf } from '../../gpt2/config.ts'
import { readFile } from 'node:fs/promises'
import { sizeOf } from '../../engine/tensor.ts'
import { weightShapes } from '../../gpt2/weights.ts'
import { UserError } from '../lab/cli/user-error.ts'
import type { OpenModel } from '../lab/models/models.ts'
import { createProgress } from '../lab/cli/progress.ts'
import { measureSaes, measuringPasses } from '../lab/models/sae-quality.ts'
import { windowsOf } from '../lab/models/windows.ts'
import type { LayerQuality } from '../lab/analysis/layer-analysis.ts'

/** Whether and on what the quality of the SAEs is measured. */
export interface QualityOptions {
  /** On all texts; default: on some of them, where that is cheap. */
  readonly quality?: boolean
  /** A file of texts that the analysis does not see. */
  readonly heldOut?: string
}

/** As many tokens as are enough for a first look: with more, texts are left out unless all are asked for. */
const SAMPLE_TOKENS = 1024
/** As many multiply-adds as are worth spending unasked: a few seconds on the fast backend. */
const CHEAP = 5e10

/**
 * The quality of the SAEs at `hooks`, and in words on what it was measured, or why it was not. Unasked, only a sample of the
 * texts is used, and only on the wasm backend and if the passes cost at most `CHEAP` multiply-adds.
 * @param texts ids with BOS
 */
export async function measureQuality(
  model: OpenModel,
  texts: readonly (readonly number[])[],
  hooks: readonly string[],
  { quality, heldOut }: QualityOptions,
  quiet: boolean,
): Promise<{ layers: Map<string, LayerQuality>; note: string }> {
  const passes = measuringPasses(hooks.length)
  const asked = quality === true || heldOut !== undefined
  const every = asked ? 1 : Math.ceil(tokensOf(texts) / SAMPLE_TOKENS)
  const sample = texts.filter((_, row) => row % every === 0)
  if (quality === false || !(asked || isCheap(model, sample, passes))) {
    const slow = `${passes} passes through ${model.name} on ${model.gpt2.ops.name} take long; --quality asks for them`
    return { layers: new Map(), note: `not measured: ${quality === false ? '--no-quality' : slow}` }
  }
  const held = heldOut === undefined ? [] : await readHeldOut(heldOut, model)
  const total = passes * (held.length > 0 ? 2 : 1)
  using progress = createProgress({ label: 'SAE quality', total, unit: 'passes', quiet })
  const onTexts = await measureSaes(model, sample, hooks, (done) => progress.update(done))
  const onHeldOut =
    held.length === 0
      ? undefined
      : await measureSaes(model, held, hooks, (done) => progress.update(passes + done))
  const layers = hooks.map((hook): [string, LayerQuality] => [
    hook,
    { texts: onTexts.get(hook)!, held_out: onHeldOut?.get(hook) ?? null },
  ])
  const also = held.length === 0 ? '' : `, and on ${held.length} documents of ${heldOut}`
  const some = `one in ${every} of the ${texts.length} texts; --quality takes all`
  return { layers: new Map(layers), note: `measured on ${every > 1 ? some : 'all texts'}${also}` }
}

const tokensOf = (texts: readonly (readonly number[])[]): number =>
  texts.reduce((sum, { length }) => sum + length, 0)

function isCheap({ gpt2 }: OpenModel, texts: readonly (readonly number[])[], passes: number): boolean {
  const weights = [...weightShapes(gpt2.config).values()].reduce((sum, shape) => sum + sizeOf(shape), 0)
  return gpt2.ops.name === 'wasm' && tokensOf(texts) * weights * passes <= CHEAP
}

/**
 * The documents of a text file, with BOS: paragraphs, with blank lines between them. One that is longer than the model's
 * positions is cut into several.
 */
async function readHeldOut(path: string, { gpt2, tokenizer }: OpenModel): Promise<(readonly number[])[]> {
  const source = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new UserError(
      `--held-out ${path}: ${error.code === 'ENOENT' ? 'there is no such file' : error.message}`,
    )
  })
  const { nCtx } = gpt2.config
  const bos = bosOf(gpt2.config)
  const documents = source.split(/\n\s*\n/).filter((paragraph) => paragraph.trim() !== '')
  if (documents.length === 0)
    throw new UserError(`--held-out ${path}: no text in it; expected paragraphs separated by blank lines`)
  return documents.flatMap((document) =>
    windowsOf([bos, ...tokenizer.encode(document)], nCtx).map(({ ids }) => ids),
  )
}
