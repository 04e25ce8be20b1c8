// Everything that decides a corpus's result. A shard's file says which job it belongs to.
import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Backend } from '../../../engine/backend.ts'
import { UserError } from '../../lab/cli/user-error.ts'
import { writeAtomically } from '../../lab/cli/write-node.ts'
import { findModel } from '../../lab/models/model-source.ts'
import type { SourceOptions } from '../../lab/models/source-options.ts'
import { arithmeticOf, hashWeights } from '../../lab/models/weights-hash.ts'
import type { CorpusFile } from './read/files.ts'
import type { Columns } from './read/found.ts'

export interface JobSettings {
  readonly columns: Columns
  readonly seed: number
  readonly shardTokens: number
  /** What is kept for each token: `features`, and names of hooks. */
  readonly store: readonly string[]
}

export interface Job extends JobSettings {
  readonly format: string
  /** The package's version, and the SHA-256 of the sources that compute. */
  readonly code: string
  readonly model: { readonly name: string; readonly sha256: string }
  readonly saes: readonly { readonly hook: string; readonly dSae: number; readonly sha256: string }[]
  readonly arithmetic: string
  readonly files: readonly Omit<CorpusFile, 'path'>[]
}

/** The part of a job that a queue carries: a list of files may be long. */
export type JobWithoutFiles = Omit<Job, 'files'> & Partial<Pick<Job, 'files'>>

/** The largest shard, because a shard is held in memory. */
export const MOST_SHARD_TOKENS = 2 ** 20

const FORMAT = 'clearbox corpus 1'
const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

export async function describeJob(
  ops: Backend,
  model: string,
  hooks: readonly string[],
  files: readonly CorpusFile[],
  settings: JobSettings,
  options: SourceOptions,
): Promise<Job> {
  const source = await findModel(model, { ...options, quiet: true })
  const saes = []
  for (const hook of hooks) {
    const sae = source.saes.get(hook)!
    saes.push({ hook, dSae: sae.config.dSae, sha256: await hashWeights(await sae.weights()) })
  }
  return {
    format: FORMAT,
    code: await codeVersion(),
    model: { name: source.name, sha256: await hashWeights(await source.weights()) },
    saes,
    arithmetic: arithmeticOf(ops),
    files: files.map(({ path: _, ...file }) => file),
    ...settings,
  }
}

export function hashJob(job: Job): string {
  return createHash('sha256').update(JSON.stringify(job)).digest('hex')
}

/** The version, and a hash of every source file that decides a number. */
async function codeVersion(): Promise<string> {
  const hash = createHash('sha256')
  for (const folder of ['engine', 'gpt2', 'sae', 'experiments/tools/corpus']) {
    const names = await readdir(join(ROOT, folder), { recursive: true })
    for (const name of names.filter((one) => ['.ts', '.js'].includes(extname(one))).sort())
      hash.update(name).update(await readFile(join(ROOT, folder, name)))
  }
  const { version } = JSON.parse(await readFile(join(ROOT, 'package.json'), 'utf8')) as { version: string }
  return `${version}, sources ${hash.digest('hex').slice(0, 16)}`
}

/** What the parts of a job are called in the message that they differ. */
const WORDS: Readonly<Record<keyof Job, string>> = {
  format: 'format',
  code: 'version of the code',
  model: 'model’s weights',
  saes: 'SAEs or their layers',
  arithmetic: 'arithmetic',
  files: 'texts: names, sizes or dates',
  columns: 'columns of text and label',
  seed: 'seed',
  shardTokens: 'size of a shard',
  store: '--store',
}

/** The names of the parts in which two jobs differ; `files` need not be known. */
export function differences(one: JobWithoutFiles, other: JobWithoutFiles): string[] {
  const parts = (Object.keys(WORDS) as (keyof JobWithoutFiles)[]).filter(
    (part) => JSON.stringify(one[part]) !== JSON.stringify(other[part]),
  )
  return parts.map((part) => WORDS[part])
}

/**
 * Writes the job to the folder, or compares it with the one that was begun there.
 * @throws UserError naming what differs
 */
export async function beginJob(folder: string, job: Job): Promise<void> {
  const path = join(folder, 'job.json')
  if (!existsSync(path)) return writeAtomically(path, `${JSON.stringify(job, null, 1)}\n`)
  const before = JSON.parse(await readFile(path, 'utf8')) as Job
  const differing = differences(before, job)
  if (differing.length > 0)
    throw new UserError(
      `${folder} holds another corpus's work: the ${differing.join(', the ')} differ: ` +
        'give the same options, name another folder with --out, or remove this one to start again',
    )
}
