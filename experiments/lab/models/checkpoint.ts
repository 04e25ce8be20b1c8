// A training run on the disk: one file, so that it is either complete or unchanged.
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Command } from 'commander'
import { openFile } from '../../../engine/weights/files-node.ts'
import { encodeSafetensors, openSafetensors } from '../../../engine/weights/safetensors.ts'
import type { Tensor } from '../../../engine/tensor.ts'
import { readTensor } from '../../../engine/weights/weights.ts'
import { UserError } from '../cli/user-error.ts'
import { writeAtomically } from '../cli/write-node.ts'

/** What must be unchanged for a resumed training to take the same steps. */
export interface Circumstances {
  /** The model that is read, where one is. */
  readonly model?: string
  readonly texts: string
  readonly arithmetic: string
}

/** The state of a training. What is not in a tensor must be JSON. */
export interface Checkpoint {
  readonly circumstances: Circumstances
  readonly tensors: ReadonlyMap<string, Tensor>
}

const pathIn = (folder: string): string => join(folder, 'checkpoint.safetensors')

/** `format`: whose checkpoint it is, and of which version. */
export async function writeCheckpoint(
  folder: string,
  format: string,
  { tensors, ...state }: Checkpoint,
): Promise<void> {
  const head = JSON.stringify({ format, ...state })
  await writeAtomically(pathIn(folder), encodeSafetensors(tensors, new Map([['training', head]])))
}

const hasCheckpoint = (folder: string): boolean => existsSync(pathIn(folder))

/**
 * The checkpoint that a training continues from with --resume; undefined without --resume.
 * @throws UserError if a new training would overwrite a checkpoint, or there is none to resume from, or it has another format
 */
export async function checkpointToResume<Kind extends Checkpoint>(
  folder: string,
  format: string,
  resume = false,
): Promise<Kind | undefined> {
  if (resume) return readCheckpoint(folder, format)
  if (hasCheckpoint(folder))
    throw new UserError(`${folder} holds a checkpoint: continue with --resume, or remove it to start again`)
  return undefined
}

/** @throws UserError if there is none, or it is not of this format */
export async function readCheckpoint<Kind extends Checkpoint>(folder: string, format: string): Promise<Kind> {
  const path = pathIn(folder)
  if (!hasCheckpoint(folder))
    throw new UserError(
      `${path}: there is no such file: start without --resume, or name the right folder with --out`,
    )
  const store = await openSafetensors(await openFile(path))
  try {
    const { format: found, ...state } = JSON.parse(store.metadata.get('training') ?? '{}') as {
      format?: string
    }
    if (found !== format)
      throw new UserError(`${path}: expected a checkpoint of ${format}, found ${found ?? 'none'}`)
    const tensors = new Map<string, Tensor>()
    for (const name of store.names()) tensors.set(name, await readTensor(store.get(name)))
    return { ...state, tensors } as unknown as Kind
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

/** @throws UserError if the resumed training would not be bit-identical */
export function checkCircumstances(saved: Circumstances, now: Circumstances): void {
  for (const name of Object.keys(MEANING) as (keyof Circumstances)[])
    if (saved[name] !== now[name])
      throw new UserError(
        `--resume: this training’s ${MEANING[name]} was ${saved[name]}, now it is ${now[name]}: the numbers would differ; ` +
          'go back to what it was, or start again without --resume',
      )
}

/** The checkpoint’s settings. @throws UserError if the command line contradicts one of them */
export function resumedSettings<Settings extends object>(saved: Settings, command: Command): Settings {
  for (const [name, value] of Object.entries(saved)) {
    const [was, now] = [String(value), String(command.getOptionValue(name))]
    if (command.getOptionValueSource(name) === 'cli' && was !== now)
      throw new UserError(
        `--resume: this training was started with ${name} ${was}, not ${now}: leave the option out`,
      )
  }
  return saved
}

export function hashTexts(ids: readonly (readonly number[])[]): string {
  return createHash('sha256').update(JSON.stringify(ids)).digest('hex')
}
