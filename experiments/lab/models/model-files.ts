import { closeSync, fstatSync, openSync, read } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { openFile } from '../../../engine/weights/files-node.ts'
import { openSafetensors } from '../../../engine/weights/safetensors.ts'
import type { WeightStore } from '../../../engine/weights/weights.ts'
import { parseConfig, type Gpt2Config } from '../../../gpt2/config.ts'
import { parseSaeConfig, type SaeConfig } from '../../../sae/config.ts'
import { UserError } from '../cli/user-error.ts'

/** Where a model and its SAEs are to be had, before anything large is read. */
export interface ModelSource {
  readonly name: string
  /** Repository and revision of a published model. */
  readonly origin?: string
  readonly config: Gpt2Config
  weights(): Promise<WeightStore>
  readonly saes: ReadonlyMap<string, SaeSource>
  /** Fetches the weights of these hooks' SAEs where they are not on this machine yet. */
  prepareSaes(hooks: readonly string[]): Promise<void>
}

export interface SaeSource {
  readonly config: SaeConfig
  weights(): Promise<WeightStore>
  /** Has the system read the weights' file, so that `weights` need not wait for the disk. Never fails. */
  readAhead(): Promise<void>
}

export interface SourceOptions {
  readonly quiet?: boolean
  /** Nothing is fetched. */
  readonly offline?: boolean
  /** A folder of a published model's files, to be used instead of the hub and its cache. */
  readonly dir?: string
}

export async function openStore(path: string): Promise<WeightStore> {
  return openSafetensors(await openFile(path))
}

const AHEAD_BYTES = 2 ** 22

/**
 * Has the system read a file into its cache. What comes is dropped, so that it takes no memory of this process, all of it
 * into one buffer. Every read is handed over before this returns: the event loop hardly turns while ops compute.
 * What goes wrong is left for the reader that follows to report.
 */
export async function readAhead(path: string): Promise<void> {
  try {
    const file = openSync(path, 'r')
    const buffer = new Uint8Array(AHEAD_BYTES)
    const reads = Array.from({ length: Math.ceil(fstatSync(file).size / AHEAD_BYTES) }, (_, i) => {
      return new Promise<void>((done) => read(file, buffer, 0, AHEAD_BYTES, i * AHEAD_BYTES, () => done()))
    })
    await Promise.all(reads)
    closeSync(file)
  } catch {
    // as said
  }
}

export async function readConfig(path: string): Promise<Gpt2Config> {
  return parseConfig(await readText(path), path)
}

/** @throws UserError if the SAE reads a stream of another width than the model's */
export async function readSaeConfig(path: string, model: string, { dModel }: Gpt2Config): Promise<SaeConfig> {
  const config = parseSaeConfig(await readText(path), path)
  if (config.dIn !== dModel)
    throw new UserError(
      `${path}: the SAE reads a stream of width ${config.dIn}, but ${model}'s is ${dModel} wide`,
    )
  return config
}

async function readText(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    throw new UserError(
      `cannot read ${path}: ${error.code === 'ENOENT' ? 'there is no such file' : error.message}`,
    )
  })
}
