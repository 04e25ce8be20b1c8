import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { ModelFolder } from '../../experiments/explorer/folder/model-folder.ts'

/** Files by their paths from the folder on. */
export type FilesByPath = Map<string, string | Uint8Array<ArrayBuffer>>

/** All files of a folder on the disk, below `prefix`. */
function readFolder(folder: string, prefix = ''): FilesByPath {
  const entries = readdirSync(folder, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name))
  return new Map(
    paths.map((path) => [prefix + path.slice(folder.length + 1), new Uint8Array(readFileSync(path))]),
  )
}

/** The bundled model and its SAEs as one folder, as `--model FOLDER` reads it. */
export function tinyFolder(): FilesByPath {
  return new Map([...readFolder('gpt2/tiny'), ...readFolder('sae/tiny', 'sae/')])
}

/** As a browser gives it. */
export function asDropped(name: string, files: FilesByPath): ModelFolder {
  return {
    name,
    files: [...files].map(([path, content]) => ({
      path: `${name}/${path}`,
      file: new File([content], path.split('/').at(-1)!),
    })),
  }
}
