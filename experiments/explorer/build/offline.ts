// The service worker of a build: it knows the build's files and their hashes.
import { createHash } from 'node:crypto'
import { readdir, readFile, writeFile } from 'node:fs/promises'
import { join, relative, sep } from 'node:path'
import ts from 'typescript'
import { repository } from './repository.ts'

const SCRIPT = 'service-worker.js'
const PAGE = 'index.html'
const VERSION = /(<meta name="version" content=")[^"]*/

/** Writes the worker into a folder that is otherwise complete, and the folder's version into its page. */
export async function addServiceWorker(folder: string): Promise<void> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(folder, join(parentPath, name)).replaceAll(sep, '/'))
    .filter((path) => path !== SCRIPT)
    .sort()
  const page = (await readFile(join(folder, PAGE), 'utf8')).replace(VERSION, '$1')
  const hashes = async (page: string) =>
    Object.fromEntries(
      await Promise.all(
        paths.map(async (path) => [path, hash(path === PAGE ? page : await readFile(join(folder, path)))]),
      ),
    ) as Record<string, string>
  // of all files; the page's, before the version is written into it
  const version = hash(JSON.stringify(await hashes(page))).slice(0, 16)
  const versioned = page.replace(VERSION, `$1${version}`)
  const source = await readFile(repository('experiments/explorer/offline/service-worker.ts'), 'utf8')
  const { outputText } = ts.transpileModule(source, {
    compilerOptions: { target: ts.ScriptTarget.ESNext, moduleDetection: ts.ModuleDetectionKind.Legacy },
  })
  const known = `const VERSION = ${JSON.stringify(version)}\nconst FILES = ${JSON.stringify(await hashes(versioned), null, 1)}\n`
  await writeFile(join(folder, PAGE), versioned)
  await writeFile(join(folder, SCRIPT), known + outputText)
}

function hash(content: string | Uint8Array): string {
  return createHash('sha256').update(content).digest('hex')
}
