import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const root = join(import.meta.dirname, '../..')

/** How a script ended and what it said. */
export interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

const environment = { ...process.env, CLEARBOX_DEBUG: '' }

/**
 * Runs a script to its end. script: its path from the root of the repository; cwd: that root if left out; input: what it
 * reads on standard input; env: variables beside this process's
 */
export function runScript(
  script: string,
  args: readonly string[],
  cwd = root,
  { input = '', env = {} }: { input?: string | Uint8Array; env?: Readonly<Record<string, string>> } = {},
): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, script), ...args], {
    encoding: 'utf8',
    cwd,
    env: { ...environment, ...env },
    input,
    maxBuffer: 2 ** 28,
  })
  return { status, stdout, stderr }
}

/**
 * Runs a script that is sent a signal as soon as it has renamed a file to `name` so many `times`. It does so itself: a test that
 * watched it from outside might look too late. status: null where the signal ended it
 */
export function stopScript(
  script: string,
  args: readonly string[],
  { name, times, signal }: { name: string; times: number; signal: 'SIGINT' | 'SIGKILL' },
): Ended {
  const helper = pathToFileURL(join(import.meta.dirname, 'stop-at-rename.ts'))
  const env = { NODE_OPTIONS: `--import ${helper.href}`, STOP_AT: `${name} ${times} ${signal}` }
  return runScript(script, args, root, { env })
}

/** Runs a script and sends it SIGINT, as Ctrl-C does, as soon as `when` is fulfilled. */
export async function interruptScript(
  script: string,
  args: readonly string[],
  when: (said: () => string) => boolean,
): Promise<Ended & { readonly interrupted: boolean }> {
  const child = spawn(process.execPath, [join(root, script), ...args], { env: environment })
  const text = { stdout: '', stderr: '' }
  child.stdout.on('data', (chunk: Buffer) => (text.stdout += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (text.stderr += chunk.toString()))
  let interrupted = false
  const poll = setInterval(() => {
    if (!when(() => text.stdout)) return
    clearInterval(poll)
    interrupted = child.kill('SIGINT')
  }, 1)
  const [status] = (await once(child, 'close')) as [number | null]
  clearInterval(poll)
  return { status, ...text, interrupted }
}

/** One line, and no more, as every fault that a user can mend is told. */
export function isOneLine(text: string): boolean {
  return text.indexOf('\n') === text.length - 1
}
