// A training on the disk: one file, so that it is whole or as it was before.
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { openFile } from '../../../engine/weights/files-node.ts'
import { encodeSafetensors, openSafetensors } from '../../../engine/weights/safetensors.ts'
import type { Tensor } from '../../../engine/tensor.ts'
import { readTensor } from '../../../engine/weights/weights.ts'
import { UserError } from '../../lab/cli/user-error.ts'
import { writeAtomically } from '../../lab/cli/write-node.ts'
import { findModel } from '../../lab/models/model-source.ts'
import type { SourceOptions } from '../../lab/models/source-options.ts'
import { hashWeights } from '../../lab/models/weights-hash.ts'
import type { Settings } from './settings.ts'

/** What must be as it was for a resumed training to take the same steps. */
export interface Circumstances {
  readonly model: string
  readonly texts: string
  readonly arithmetic: string
}

/** A point on the curves of the report. */
export interface Point {
  readonly tokens: number
  readonly loss: number
  readonly l0: number
  readonly explainedVariance: number
  readonly deadFeatures: number
}

interface CheckpointHead {
  readonly format: string
  readonly settings: Settings
  readonly circumstances: Circumstances
  readonly steps: number
  /** Batches of passages that were read. */
  readonly position: number
  /** What activations are multiplied by. */
  readonly scale: number
  readonly history: readonly Point[]
}

export interface Checkpoint extends Omit<CheckpointHead, 'format'> {
  /** What SaeTraining saves, and `pool`: the activations that wait. */
  readonly tensors: ReadonlyMap<string, Tensor>
}

const FORMAT = 'clearbox train-sae 1'

const pathIn = (folder: string): string => join(folder, 'checkpoint.safetensors')

export async function writeCheckpoint(folder: string, { tensors, ...state }: Checkpoint): Promise<void> {
  const head: CheckpointHead = { format: FORMAT, ...state }
  await writeAtomically(
    pathIn(folder),
    encodeSafetensors(tensors, new Map([['training', JSON.stringify(head)]])),
  )
}

export const hasCheckpoint = (folder: string): boolean => existsSync(pathIn(folder))

/** @throws UserError if there is none, or it is not of this kind */
export async function readCheckpoint(folder: string): Promise<Checkpoint> {
  const path = pathIn(folder)
  if (!hasCheckpoint(folder))
    throw new UserError(`${path}: there is no such file: begin without --resume, or name the folder by --out`)
  const store = await openSafetensors(await openFile(path))
  try {
    const { format, ...state } = JSON.parse(store.metadata.get('training') ?? '{}') as CheckpointHead
    if (format !== FORMAT) throw new UserError(`${path}: not a checkpoint of this version (${FORMAT})`)
    const tensors = new Map<string, Tensor>()
    for (const name of store.names()) tensors.set(name, await readTensor(store.get(name)))
    return { ...state, tensors }
  } finally {
    await store.close()
  }
}

export async function removeCheckpoint(folder: string): Promise<void> {
  await rm(pathIn(folder), { force: true })
}

const MEANING: Record<keyof Circumstances, string> = {
  model: 'model’s weights (SHA-256)',
  texts: 'texts’ token ids (SHA-256)',
  arithmetic: 'arithmetic',
}

/** @throws UserError if the training would not go on with the same bits */
export function checkCircumstances(saved: Circumstances, now: Circumstances): void {
  for (const name of Object.keys(MEANING) as (keyof Circumstances)[])
    if (saved[name] !== now[name])
      throw new UserError(
        `--resume: this training’s ${MEANING[name]} was ${saved[name]}, now it is ${now[name]}: the numbers would differ; ` +
          'give what it was, or begin again without --resume',
      )
}

export async function hashModel(name: string, options: SourceOptions): Promise<string> {
  return hashWeights(await (await findModel(name, { ...options, quiet: true })).weights())
}

export function hashTexts(ids: readonly (readonly number[])[]): string {
  return createHash('sha256').update(JSON.stringify(ids)).digest('hex')
}
