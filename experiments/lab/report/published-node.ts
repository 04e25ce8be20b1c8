// What a run leaves in a folder of results, and what whoever reads the folder finds there.
import { randomUUID } from 'node:crypto'
import { open, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parseHTML } from 'linkedom'
import { RUN_META } from './page-node.ts'

/** Stands in results.json and in report.html, so that files of two runs are told apart. */
export interface Run {
  readonly id: string
  /** ISO 8601, UTC. */
  readonly date: string
}

export const newRun = (): Run => ({ id: randomUUID(), date: new Date().toISOString() })

/** What is found; undefined where it is not there, or cannot be read. */
export interface Published {
  readonly title?: string
  readonly question?: string
  readonly answer?: string
  readonly model?: string
  readonly command?: string
  readonly date?: string
  /**
   * Whether the files are of two runs. results.json is published first and report.html last: a run that was killed in
   * between, or another that published at the same time, leaves them with different ids.
   */
  readonly mixed: boolean
}

/** What to say of a folder that mixes runs. */
export const MIXED =
  'its files do not belong together: a run was stopped while it wrote them, or two runs wrote at once'

export async function readPublished(folder: string): Promise<Published> {
  const results = await readResults(join(folder, 'results.json'))
  const head = await readHead(join(folder, 'report.html'))
  const { run, question, answer, provenance } = results ?? {}
  return {
    ...{ title: head?.title, question, answer, date: run?.date },
    ...{ model: provenance?.model, command: provenance?.command },
    mixed: run?.id !== head?.run,
  }
}

interface ResultsHead {
  run?: Run
  question?: string
  answer?: string
  provenance?: { model?: string; command?: string }
}

async function readResults(path: string): Promise<ResultsHead | undefined> {
  try {
    return JSON.parse(await readFile(path, 'utf8')) as ResultsHead
  } catch {
    return undefined
  }
}

/** Far behind a page's title and run, which stand before its style. */
const HEAD_BYTES = 8192

async function readHead(path: string): Promise<{ title?: string; run?: string } | undefined> {
  try {
    await using handle = await open(path)
    const { buffer, bytesRead } = await handle.read(Buffer.alloc(HEAD_BYTES), 0, HEAD_BYTES, 0)
    const { document } = parseHTML(buffer.toString('utf8', 0, bytesRead))
    return {
      title: document.querySelector('title')?.textContent?.trim() || undefined,
      run: document.querySelector(`meta[name="${RUN_META}"]`)?.getAttribute('content') ?? undefined,
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
