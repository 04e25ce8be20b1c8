// What stood at a hook while a model read a corpus, from the files that npm run corpus --store HOOK left, without end.
import { createHash } from 'node:crypto'
import { openFile } from '../../../engine/weights/files-node.ts'
import { openSafetensors, type SafetensorsStore } from '../../../engine/weights/safetensors.ts'
import { createRandom, seedOf } from '../../../engine/random.ts'
import { Tensor } from '../../../engine/tensor.ts'
import { shuffled } from '../../../engine/train/schedule.ts'
import { toBasis } from '../../../sae/basis.ts'
import type { SaeConfig } from '../../../sae/config.ts'
import { readManifest } from '../../lab/analysis/corpus/corpus-node.ts'
import { checkStored, storeFile } from '../../lab/analysis/corpus/store-node.ts'
import { UserError } from '../../lab/cli/user-error.ts'
import type { OpenModel } from '../../lab/models/models.ts'
import type { ActivationSource } from './train.ts'

/** Rows that are read at once: neighbours, as they stand in the file. */
const RUN = 512

/** A store, checked. */
export interface StoredActivations {
  readonly hook: string
  /** Of its files, in their order: how many tokens each holds. */
  readonly files: readonly { readonly path: string; readonly tokens: number }[]
  readonly tokens: number
  /** Of all that decides what stands in it. */
  readonly sha256: string
}

/**
 * Looks at every file's head; numbers are read as they are needed.
 * @param model its SHA-256, and what it is called
 * @throws UserError if the store has nothing of this hook, is of another model, or is not whole
 */
export async function openStored(
  folder: string,
  hook: string,
  model: { readonly name: string; readonly sha256: string },
): Promise<StoredActivations> {
  const manifest = await readManifest(folder)
  if (manifest.model_sha256 !== model.sha256)
    throw new UserError(
      `--activations ${folder}: they are those of ${manifest.model}, weights ${short(manifest.model_sha256)}, but ${model.name} has ` +
        `${short(model.sha256)}: name that model with --model, or make the corpus again with this one`,
    )
  const { shards } = checkStored(folder, manifest, hook)
  const files: { path: string; tokens: number }[] = []
  for (let shard = 0; shard < shards; shard++) {
    const path = storeFile(folder, 'hooks', shard)
    await using store = await openShard(path)
    const of = store.metadata.get('model_sha256') ?? 'none'
    if (of !== manifest.model_sha256)
      throw new UserError(
        `${path}: it is of the model ${short(of)}, the corpus of ${short(manifest.model_sha256)}: ${AGAIN}`,
      )
    files.push({ path, tokens: store.get(hook).shape[0] })
  }
  const tokens = files.reduce((sum, file) => sum + file.tokens, 0)
  if (tokens !== manifest.texts.tokens)
    throw new UserError(
      `${folder}: its files have ${tokens} tokens of ${hook}, but the corpus ${manifest.texts.tokens}: ${AGAIN}`,
    )
  const { texts, code, arithmetic } = manifest
  const made = JSON.stringify([
    model.sha256,
    texts.sha256,
    code,
    arithmetic,
    files.map(({ tokens }) => tokens),
  ])
  return { hook, files, tokens, sha256: createHash('sha256').update(made).digest('hex') }
}

const AGAIN = 'put back what npm run corpus wrote, or make the corpus again'
const short = (sha256: string): string => sha256.slice(0, 12)

async function openShard(path: string): Promise<SafetensorsStore & AsyncDisposable> {
  try {
    const store = await openSafetensors(await openFile(path))
    return { ...store, [Symbol.asyncDispose]: () => store.close() }
  } catch (cause) {
    throw new UserError(`${(cause as Error).message}: ${AGAIN}`, { cause })
  }
}

/** Reads runs of neighbouring tokens, from all files in turn; where it stands is a number. */
export class StoredSource implements ActivationSource {
  /** Runs read so far. */
  position: number
  readonly #model: Pick<OpenModel, 'gpt2'>
  readonly #config: SaeConfig
  readonly #stored: StoredActivations
  readonly #seed: number
  readonly #runs: readonly { readonly path: string; readonly from: number; readonly to: number }[]
  #epoch: { number: number; order: Uint32Array } = { number: -1, order: new Uint32Array() }

  constructor(
    model: Pick<OpenModel, 'gpt2'>,
    config: SaeConfig,
    stored: StoredActivations,
    seed: number,
    position = 0,
  ) {
    this.#model = model
    this.#config = config
    this.#stored = stored
    this.#seed = seed
    this.#runs = stored.files.flatMap(({ path, tokens }) =>
      Array.from({ length: Math.ceil(tokens / RUN) }, (_, i) => ({
        ...{ path, from: i * RUN, to: Math.min(tokens, (i + 1) * RUN) },
      })),
    )
    this.position = position
  }

  /** The next run's tokens, on the SAE's basis. -> [tokens, d_in] */
  async next(): Promise<Tensor> {
    const count = this.#runs.length
    const number = Math.floor(this.position / count)
    if (this.#epoch.number !== number)
      this.#epoch = { number, order: shuffled(count, createRandom(seedOf(this.#seed, number))) }
    const { path, from, to } = this.#runs[this.#epoch.order[this.position % count]]
    this.position += 1
    const x = await rowsOf(path, this.#stored.hook, from, to)
    let made: Tensor | undefined
    await this.#model.gpt2.ops.scope(async (ops) => {
      made = await ops.download(await toBasis(ops, this.#config, this.#stored.hook, ops.upload(x)))
    })
    return made!
  }
}

async function rowsOf(path: string, hook: string, from: number, to: number): Promise<Tensor> {
  await using store = await openShard(path)
  const source = store.get(hook)
  const rows = Tensor.zeros([to - from, source.shape[1]])
  await source.read(rows.data, from * source.shape[1])
  return rows
}
