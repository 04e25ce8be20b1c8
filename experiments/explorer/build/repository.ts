// Where this project's files are.
import { fileURLToPath } from 'node:url'

/** A file of this project. */
export function repository(path: string): string {
  return fileURLToPath(new URL(`../../../${path}`, import.meta.url))
}
