// The corpus's result from which the library of features is made: kept from one build to the next, or one that the user names.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { rmSync } from 'node:fs'
import { readdir, readFile, rename, rm, stat } from 'node:fs/promises'
import { dirname, extname, join } from 'node:path'
import { openCorpus, type Corpus } from '../../lab/analysis/corpus/corpus-node.ts'
import { openCorpusOf } from '../../lab/analysis/corpus/corpus-of-model-node.ts'
import { onEarlyExit } from '../../lab/cli/cleanup.ts'
import { draftOf, sweepDrafts } from '../../lab/cli/draft-node.ts'
import { UserError } from '../../lab/cli/user-error.ts'
import { explain, makeFolder } from '../../lab/cli/write-node.ts'
import { findModel } from '../../lab/models/model-source.ts'
import { repository } from './repository.ts'

const TEXTS = 'experiments/lab/texts/texts.json'
/** All that decides what `npm run corpus` finds in the bundled texts. */
const SOURCES = [
  ...['engine', 'gpt2', 'sae', 'experiments/lab/analysis', 'experiments/lab/models', 'experiments/lab/texts'],
  'experiments/tools/corpus',
]
const KINDS = ['.ts', '.js', '.json', '.safetensors']

/**
 * What `npm run corpus` found in the bundled texts with the bundled model. It is made once, and again when a file that
 * decides it has changed.
 * @throws UserError if it cannot be made or kept
 */
export async function bundledCorpus(model: string): Promise<Corpus> {
  const kept = repository(`results/explorer-corpus/${await hashSources()}`)
  if ((await stat(join(kept, 'manifest.json')).catch(() => undefined)) === undefined) await make(kept, model)
  return openCorpus(kept)
}

/** @throws UserError if there is none, or it was made with other weights than those of the bundled model and its SAEs */
export async function namedCorpus(folder: string, model: string): Promise<Corpus> {
  const { saes } = await findModel(model, { quiet: true })
  const corpus = await openCorpusOf(folder, { model, hooks: [...saes.keys()], quiet: true })
  if (corpus.missing.length > 0)
    throw new UserError(
      `--corpus ${folder}: it has no layer ${corpus.missing.join(', ')}, and the page shows all that have an SAE: make it with npm run corpus`,
    )
  return corpus
}

async function make(kept: string, model: string): Promise<void> {
  const parent = dirname(kept)
  await explain(kept, () => makeFolder(parent))
  await sweepDrafts(parent)
  const draft = draftOf(kept)
  const takeBack = onEarlyExit(() => rmSync(draft, { recursive: true, force: true }))
  try {
    await runCorpus(['--texts', TEXTS, '--model', model, '--out', draft, '--json'])
    for (const name of ['shards', 'data']) await rm(join(draft, name), { recursive: true })
    await explain(kept, () => publish(draft, kept))
    for (const name of await readdir(parent))
      // of sources that no longer exist
      if (!kept.endsWith(name) && extname(name) !== '.partial')
        await rm(join(parent, name), { recursive: true })
  } finally {
    takeBack()
    await rm(draft, { recursive: true, force: true })
  }
}

/** Another build may have finished at the same time: then its result, which is the same, stays. */
async function publish(draft: string, kept: string): Promise<void> {
  await rename(draft, kept).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOTEMPTY' && error.code !== 'EEXIST') throw error
  })
}

/** The command is a tool, which an experiment runs and does not import. */
async function runCorpus(args: readonly string[]): Promise<void> {
  const command = [repository('experiments/tools/corpus/main.ts'), ...args]
  const child = spawn(process.execPath, command, {
    cwd: repository('.'),
    stdio: ['ignore', 'ignore', 'pipe'],
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (part: string) => (said += part))
  const status = await new Promise((resolve, reject) => child.once('error', reject).once('close', resolve))
  if (status !== 0) throw new UserError(`npm run corpus could not read the bundled texts: ${said.trim()}`)
}

async function hashSources(): Promise<string> {
  const hash = createHash('sha256')
  for (const folder of SOURCES) {
    const names = await readdir(repository(folder), { recursive: true })
    for (const name of names.filter((one) => KINDS.includes(extname(one))).sort())
      hash.update(name).update(await readFile(repository(`${folder}/${name}`)))
  }
  return hash.digest('hex').slice(0, 16)
}
