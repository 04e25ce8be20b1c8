// The options of every command that runs a model, and the backend that they ask for.
import type { Command } from 'commander'
import type { Backend } from '../../../engine/backend.ts'
import { backends, createBackend, defaultBackend } from '../../../engine/backends.ts'
import { oneOf, positiveInteger } from '../cli/cli.ts'
import { UserError } from '../cli/user-error.ts'
import { knownModels } from './hub/known-models.ts'

/** The options of every command that runs a model. */
export interface EngineOptions {
  readonly model: string
  readonly backend: string
  readonly threads?: number
  readonly paired?: boolean
  readonly saeEncoder?: 'dense' | 'screened'
  readonly offline?: boolean
  readonly dir?: string
  readonly saes?: string
}

/** Adds --backend, --threads, --offline and --dir, and --model unless the command names models another way. */
export function addEngineOptions(command: Command, { model } = { model: true }): Command {
  const names = Object.keys(backends).join(', ')
  if (model)
    command.option(
      '--model <name>',
      `tiny (bundled), synthetic (full size, weights from a formula), ${Object.keys(knownModels).join(', ')} (fetched), or a folder`,
      'tiny',
    )
  return command
    .option(
      '--backend <name>',
      `the backend that computes: ${names}`,
      oneOf('backend', Object.keys(backends)),
      defaultBackend,
    )
    .option('--threads <n>', 'number of threads (default: all cores)', positiveInteger('threads'))
    .option(
      '--paired',
      'use 256-bit SIMD, behind an experimental flag of V8 (default: where its self-check passes)',
    )
    .option('--no-paired', 'use 128-bit SIMD')
    .option(
      '--sae-encoder <way>',
      'dense or screened, which give the same features (default: screened where that is faster)',
      oneOf('sae-encoder', ['dense', 'screened']),
    )
    .option(
      '--saes <which>',
      'SAEs in place of the model’s own: a release (`npm run download -- --help` lists them), a folder or file, or OWNER/NAME[@REVISION][:FOLDER]',
    )
    .option('--offline', 'fetch nothing: use what is in the cache')
    .option('--dir <folder>', 'take a published model’s files from here, not from the hub or its cache')
}

/** Starts the backend that was asked for, and stops it when `work` is done or fails. */
export async function withBackend<T>(
  options: Omit<EngineOptions, 'model'>,
  work: (ops: Backend) => Promise<T>,
): Promise<T> {
  const { threads, paired, saeEncoder: sparseEncoder } = options
  const ops = await createBackend(options.backend, { threads, paired, sparseEncoder }).catch(
    (error: Error) => {
      throw new UserError(error.message, { cause: error })
    },
  )
  try {
    return await work(ops)
  } finally {
    await ops.dispose()
  }
}
