// The files beside the page: the bundled model, its SAEs, and what they find in the bundled texts.
import { bosOf } from '../../../gpt2/config.ts'
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { extname } from 'node:path'
import { createBackend } from '../../../engine/backends.ts'
import { captureStreams, encodeStream } from '../../lab/models/features.ts'
import { openModel, withSae } from '../../lab/models/models.ts'
import { parseJsonTexts } from '../../lab/texts/texts.ts'
import { encodeSparse } from '../sparse-file.ts'
import type { FileFacts } from '../file-facts.ts'
import type { ModelFiles, SaeFiles } from '../worker/files.ts'
import { bundledCorpus, namedCorpus } from './corpus.ts'
import { featureHints } from './hints.ts'
import { packCorpus } from './library.ts'
import { repository } from './repository.ts'

const MODEL = 'tiny'

/** What lies beside the page: the facts about the files that the worker is given, and each file's content by its path. */
export interface Carried {
  readonly files: ModelFiles
  readonly contents: Map<string, Uint8Array>
}

interface CollectOptions {
  /** A folder of `npm run corpus`; default: the corpus is the bundled texts. */
  readonly corpus?: string
  /** Is called with each step's name as it begins. */
  readonly onStep?: (step: string) => void
}

/**
 * The bundled model, its SAEs, what these find in the bundled texts, computed here, and in a corpus.
 * @throws UserError if there is no such corpus, or it was made with other weights
 */
export async function collectFiles({ corpus, onStep }: CollectOptions = {}): Promise<Carried> {
  onStep?.('what features fire on in the corpus')
  const found = await (corpus === undefined ? bundledCorpus(MODEL) : namedCorpus(corpus, MODEL))
  onStep?.('features of the bundled texts')
  const contents = new Map<string, Uint8Array>()
  const carry = (name: string, content: Uint8Array): FileFacts => {
    const sha256 = createHash('sha256').update(content).digest('hex')
    const extension = extname(name)
    // the hash in its name, so that no cache returns an older one
    const path = `files/${name.slice(0, -extension.length)}.${sha256.slice(0, 8)}${extension}`
    contents.set(path, content)
    return { path, bytes: content.length, sha256 }
  }
  const texts = await readFile(repository('experiments/lab/texts/texts.json'))
  const saes: SaeFiles[] = []
  const hints: string[][] = []
  const ops = await createBackend()
  try {
    const model = await openModel(MODEL, ops, { quiet: true })
    if (model.saeHooks.some((hook, layer) => hook !== `blocks.${layer}.hook_resid_pre`))
      throw new Error(
        `the page wants an SAE at each layer's input; ${MODEL} has ${model.saeHooks.join(', ')}`,
      )
    const ids = parseJsonTexts(texts.toString()).map(({ text }) => model.tokenize(text))
    const name = (id: number) => model.tokenizer.pieces([id])[0]
    for (const [hook, stream] of await captureStreams(model.gpt2, ids, model.saeHooks)) {
      const features = await withSae(model, hook, (sae) => encodeStream(ops, sae, stream))
      const folder = `sae/${MODEL}/${hook}`
      hints.push(featureHints(features, ids.flat(), bosOf(model.gpt2.config), name))
      saes.push({
        config: await readFile(repository(`${folder}/cfg.json`), 'utf8'),
        weights: carry(
          `${hook}.sae.safetensors`,
          await readFile(repository(`${folder}/sae_weights.safetensors`)),
        ),
        activations: carry(`${hook}.texts.bin`, await encodeSparse(features)),
      })
    }
  } finally {
    await ops.dispose()
  }
  const files = {
    name: MODEL,
    config: await readFile(repository(`gpt2/${MODEL}/config.json`), 'utf8'),
    weights: carry('model.safetensors', await readFile(repository(`gpt2/${MODEL}/model.safetensors`))),
    saes,
    hints: carry('hints.json', Buffer.from(JSON.stringify(hints))),
    texts: carry('texts.json', texts),
    corpus: await packCorpus(found, [...saes.keys()], corpus === undefined, carry),
  }
  return { files, contents }
}
