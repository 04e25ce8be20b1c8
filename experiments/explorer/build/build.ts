// Builds the Explorer into a folder, whole or not at all.
import { rmSync } from 'node:fs'
import { readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { onEarlyExit } from '../../lab/cli/cleanup.ts'
import { draftOf, sweepDrafts } from '../../lab/cli/draft-node.ts'
import { UserError } from '../../lab/cli/user-error.ts'
import { showBytes } from '../../lab/cli/progress.ts'
import { checkWritable, explain, makeFolder } from '../../lab/cli/write-node.ts'
import { bundle, checkPath } from './bundle.ts'
import { collectFiles } from './files.ts'
import { addServiceWorker } from './offline.ts'
import { repository } from './repository.ts'
import { readSources } from './sources.ts'

/** The page with its model should suit any static host and any connection. */
const MOST_BYTES = 25e6

/** The project's documents about what the page shows. */
const DOCUMENTS = [
  'README.md',
  'experiments/explorer/README.md',
  'experiments/tools/corpus/README.md',
  'experiments/feature/README.md',
  'sae/README.md',
]

/** A file that stands in every built folder and nowhere else: a new build may replace such a folder. */
const MARK = 'clearbox-explorer.txt'
const MARK_TEXT = 'Built by `npm run explore` of clearbox, which replaces this folder when it builds again.\n'

interface Built {
  readonly files: number
  readonly bytes: number
}

/**
 * Builds the Explorer into `out`, whole or not at all: first into a folder beside it.
 * @param onStep is called with each step's name as it begins
 * @param options.reports whether the page links to `reports/`, which its server provides
 * @param options.corpus a folder of `npm run corpus`, for the library; default: the bundled texts
 * @throws UserError if `out` is anything but an earlier build, or cannot be written
 */
export async function buildExplorer(
  out: string,
  onStep: (step: string) => void,
  { reports = false, corpus }: { readonly reports?: boolean; readonly corpus?: string } = {},
): Promise<Built> {
  checkPath()
  await checkReplaceable(out)
  await checkWritable(out)
  const { files, contents } = await collectFiles({ corpus, onStep })
  const sources = await readSources()
  const linked = [
    ...new Set([...DOCUMENTS, ...Object.values(sources).flatMap((all) => all.map(({ file }) => file))]),
  ]
  for (const file of linked) contents.set(`source/${file}.txt`, await readFile(repository(file)))
  await sweepDrafts(dirname(out))
  const draft = draftOf(out)
  const takeBack = onEarlyExit(() => rmSync(draft, { recursive: true, force: true }))
  try {
    onStep('page and workers')
    await explain(out, () => makeFolder(draft))
    await bundle(draft, { files, sources }, reports, linked)
    onStep('files')
    await explain(out, async () => {
      for (const [path, content] of contents) {
        await makeFolder(dirname(join(draft, path)))
        await writeFile(join(draft, path), content)
      }
      await writeFile(join(draft, MARK), MARK_TEXT)
      await addServiceWorker(draft)
    })
    const built = await measure(draft)
    if (built.bytes > MOST_BYTES)
      throw new Error(`the build has ${showBytes(built.bytes)}, at most ${showBytes(MOST_BYTES)} are allowed`)
    await explain(out, () => replace(out, draft))
    return built
  } finally {
    takeBack()
    await rm(draft, { recursive: true, force: true })
  }
}

/** @throws UserError unless `out` is free, empty, or an earlier build */
async function checkReplaceable(out: string): Promise<void> {
  const found = await stat(out).catch(() => undefined)
  if (found === undefined) return
  if (!found.isDirectory()) throw new UserError(`cannot build into ${out}: it is a file; name a folder`)
  const names = await readdir(out)
  if (names.length > 0 && !names.includes(MARK))
    throw new UserError(
      `cannot build into ${out}: it holds other files, and a build replaces the whole folder; name another`,
    )
}

/** Replaces the earlier folder, if there is one, with the finished one. */
async function replace(out: string, draft: string): Promise<void> {
  const former = draftOf(out)
  const had = await rename(out, former).then(
    () => true,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return false
      throw error
    },
  )
  await rename(draft, out)
  if (had) await rm(former, { recursive: true, force: true })
}

async function measure(folder: string): Promise<Built> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter((entry) => entry.isFile())
  let bytes = 0
  for (const { parentPath, name } of files) bytes += (await stat(join(parentPath, name))).size
  return { files: files.length, bytes }
}
