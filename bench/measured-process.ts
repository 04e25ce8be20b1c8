// A separate process, for what is measured from start to end: a peak of memory never goes down again.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { UserError } from '../experiments/lab/cli/user-error.ts'

/** For use in such a process: the most memory that it has held so far. */
export const peakBytes = (): number => process.resourceUsage().maxRSS * 1024

/** Runs a script of bench/ with `options`. -> the JSON of its last line */
export function runScript<T>(what: string, script: string, options: object): Promise<T> {
  const path = fileURLToPath(new URL(script, import.meta.url))
  return resultOf(what, process.execPath, [path, JSON.stringify(options)])
}

/** Runs a user's command in a shell. -> the JSON of its last line */
export function runCommand<T>(what: string, command: string): Promise<T> {
  return resultOf(what, command, [], true)
}

/** @throws UserError with what it wrote on standard error, if it fails */
async function resultOf<T>(what: string, command: string, args: string[], shell = false): Promise<T> {
  const env = { ...process.env, CLEARBOX_STARTED_AT: String(Date.now()) } // ms since 1970, to measure how long starting takes
  const child = spawn(command, args, { env, shell, stdio: ['ignore', 'pipe', 'pipe'] })
  const text = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (text.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (text.stderr += chunk.toString()))
  const code = await new Promise((resolve, reject) => child.on('close', resolve).on('error', reject))
  const last = text.stdout.trim().split('\n').at(-1) ?? ''
  if (code !== 0 || !last.startsWith('{'))
    throw new UserError(
      `${what} ended with ${String(code)} and no result: ${text.stderr.trim().slice(-2000)}`,
    )
  return JSON.parse(last) as T
}
