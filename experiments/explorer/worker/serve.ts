import { files } from '../constants.ts'

/** Answers the page's requests for as long as the worker lives. */
export function serve(): void {
  self.postMessage({ type: 'progress', label: files.name, done: 0, total: 1 })
}
