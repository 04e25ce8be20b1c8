// Loads the function that a reader wrote.
import { spawnSync } from 'node:child_process'
import { basename, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { UserError } from '../lab/cli/user-error.ts'
import type { Exercise } from './exercise.ts'

export async function load(
  { exported }: Pick<Exercise, 'exported'>,
  file: string,
): Promise<(...args: never[]) => unknown> {
  const loaded = (await import(pathToFileURL(resolve(file)).href).catch((error: unknown) => {
    const line = error instanceof Error ? lineOf(error, file) : undefined
    const place = line === undefined ? file : `${file}, line ${line}`
    throw new UserError(`${place}: ${error instanceof Error ? error.message : String(error)}`)
  })) as Readonly<Record<string, unknown>>
  const found = loaded[exported]
  if (typeof found !== 'function')
    throw new UserError(
      `${file}: expected an exported function ${exported}, found ${Object.keys(loaded).join(', ') || 'nothing exported'}`,
    )
  return found as (...args: never[]) => unknown
}

/** The line of the file that an error names. */
function lineOf(error: Error, file: string): string | undefined {
  const lineIn = (text = '') => text.split(`${basename(file)}:`)[1]?.match(/^\d+/)?.[0]
  // Some syntax errors tell their line only when Node itself reports them. Nothing of such a file runs.
  return (
    lineIn(error.stack) ??
    (error instanceof SyntaxError
      ? lineIn(spawnSync(process.execPath, [file], { encoding: 'utf8' }).stderr)
      : undefined)
  )
}
