import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { createBackend } from '../../../engine/backends.ts'
import type { SparseRows } from '../../../engine/sparse.ts'
import { releaseSae } from '../../../sae/weights.ts'
import { captureStreams, encodeStream } from '../../common/features.ts'
import { openModel, type OpenModel } from '../../common/models.ts'
import { parseJsonTexts } from '../../common/texts.ts'
import { encodeSparse } from '../sparse-file.ts'
import type { FileFacts, ModelFiles } from '../worker/files.ts'

const MODEL = 'tiny'

/** What lies beside the page: what the worker is told of the files, and each file's content by its path. */
export interface Carried {
  readonly files: ModelFiles
  readonly contents: ReadonlyMap<string, Uint8Array>
}

/** The bundled model, its SAEs, and their features on the bundled texts, which are computed here. */
export async function collectFiles(): Promise<Carried> {
  const contents = new Map<string, Uint8Array>()
  const carry = (name: string, content: Uint8Array): FileFacts => {
    const sha256 = createHash('sha256').update(content).digest('hex')
    const extension = extname(name)
    // the hash in its name, so that no cache gives an older one
    const path = `files/${name.slice(0, -extension.length)}.${sha256.slice(0, 8)}${extension}`
    contents.set(path, content)
    return { path, bytes: content.length, sha256 }
  }
  const texts = await readFile(repository('experiments/black-box/texts.json'))
  const activations = await computeActivations(texts.toString())
  const saes = [...activations].map(async ([hook, features]) => {
    const folder = `sae/${MODEL}/${hook}`
    return {
      config: await readFile(repository(`${folder}/cfg.json`), 'utf8'),
      weights: carry(
        `${hook}.sae.safetensors`,
        await readFile(repository(`${folder}/sae_weights.safetensors`)),
      ),
      activations: carry(`${hook}.texts.bin`, await encodeSparse(features)),
    }
  })
  const files = {
    name: MODEL,
    config: await readFile(repository(`gpt2/${MODEL}/config.json`), 'utf8'),
    weights: carry('model.safetensors', await readFile(repository(`gpt2/${MODEL}/model.safetensors`))),
    saes: await Promise.all(saes),
    texts: carry('texts.json', texts),
  }
  return { files, contents }
}

/** The features of all tokens of the texts, sparse [tokens, d_sae] a hook. texts: JSON */
async function computeActivations(texts: string): Promise<Map<string, SparseRows>> {
  const ops = await createBackend()
  try {
    const model = await openModel(MODEL, ops, { quiet: true })
    const ids = parseJsonTexts(texts).map(({ text }) => model.tokenize(text))
    const streams = await captureStreams(model.gpt2, ids, model.saeHooks)
    const activations = new Map<string, SparseRows>()
    for (const [hook, stream] of streams) activations.set(hook, await encodeAll(model, hook, stream))
    return activations
  } finally {
    await ops.dispose()
  }
}

async function encodeAll(
  model: OpenModel,
  hook: string,
  stream: Parameters<typeof encodeStream>[3],
): Promise<SparseRows> {
  const sae = await model.openSae(hook)
  try {
    return await encodeStream(model.gpt2.ops, sae, hook, stream)
  } finally {
    releaseSae(sae)
  }
}

function repository(path: string): string {
  return fileURLToPath(new URL(`../../../${path}`, import.meta.url))
}
