// The command line of every command: its options’ parsers, its exit codes, its errors.
import { Command, InvalidArgumentError, type Option } from 'commander'
import { inspect } from 'node:util'
import { asCalled } from './called.ts'
import { sayFarewell } from './cleanup.ts'
import { printNote, visibleLine, visibleLines, withoutPasswords } from './print.ts'
import { shellQuoted } from './shell.ts'
import { UserError } from './user-error.ts'

/** Exit codes of every command: 1 a failure, 2 wrong usage, 128 + its number for a signal. */
const EXIT = { ok: 0, failure: 1, usage: 2, SIGINT: 130, SIGTERM: 143 }

/**
 * The command line of `npm run NAME`, with `--json` and `--help`; options are added by the caller.
 * Wrong usage prints what is wrong and how to get help on standard error, and exits 2.
 */
export function createCommand(name: string, description: string): Command {
  const call = `${callOf(name)} --`
  return new NpmCommand(call)
    .description(description)
    .option('--json', 'print nothing but JSON on standard output')
    .helpOption('-h, --help', 'show this help')
    .allowExcessArguments(false)
    .configureOutput({
      writeOut: (text) => process.stdout.write(asCalled(text)),
      writeErr: (text) => process.stderr.write(asCalled(text)),
      outputError: (text, write) => write(visibleLines(asCalled(text))),
    })
    .showSuggestionAfterError()
    .showHelpAfterError(`see the options with: ${call} --help`)
    .exitOverride((stop) => process.exit(stop.exitCode === 0 ? EXIT.ok : EXIT.usage))
}

/** A command that npm starts: before it reads its options it says which of them npm has taken as its own. */
class NpmCommand extends Command {
  override parse(...given: Parameters<Command['parse']>): this {
    const taken = this.options.flatMap((option) => takenByNpm(option) ?? [])
    if (taken.length > 0) {
      const flags = taken.map((flag) => flag.replace(/[ =].*/, ''))
      printNote(
        `note: npm took ${flags.join(', ')} for its own: put -- before the options: ${this.name()} ${taken.join(' ')}`,
      )
    }
    return super.parse(...given)
  }
}

/**
 * The option as it was typed before a --, where npm keeps it from us: in the environment, as true and with its value
 * among the arguments, or as the value behind =; what begins with --no- as nothing.
 */
function takenByNpm({ long, negate, required }: Option): string | undefined {
  if (!long || process.argv.some((argument) => argument.split('=')[0] === long)) return undefined
  const value = process.env[`npm_config_${long.replace(negate ? '--no-' : '--', '').replaceAll('-', '_')}`]
  if (value === undefined || (value === '') !== negate) return undefined
  if (!required || negate) return long
  return value === 'true' ? `${long} ...` : `${long}=${value}`
}

/** What to type to run `npm run NAME` with these arguments again, quoted where a shell needs it, passwords left out. */
export function commandLine(name: string, args: readonly string[]): string {
  const quoted = args.map(withoutPasswords).map(shellQuoted)
  return asCalled([callOf(name), ...(args.length > 0 ? ['--', ...quoted] : [])].join(' '))
}

function callOf(name: string): string {
  return name === 'start' ? 'npm start' : `npm run ${name}`
}

/** An option's parser: a whole number from `min` to `max`, both included. `label` says what the number is. */
export function integerIn(label: string, min: number, max = Number.MAX_SAFE_INTEGER) {
  const accepted = max === Number.MAX_SAFE_INTEGER ? `from ${min}` : `from ${min} to ${max}`
  return (text: string): number => {
    const value = /^[+-]?\d+$/.test(text) ? Number(text) : NaN
    if (!(value >= min && value <= max))
      throw new InvalidArgumentError(`${label}: expected a whole number ${accepted}, got '${text}'.`)
    return value
  }
}

/** An option's parser: a whole number from 1. */
export function positiveInteger(label: string) {
  return integerIn(label, 1)
}

/** An option's parser: a number from `min` to `max`, both included. Either may be infinite; the number itself may not. */
export function numberIn(label: string, min: number, max: number) {
  const accepted = max === Infinity ? (min === -Infinity ? '' : ` from ${min}`) : ` from ${min} to ${max}`
  return (text: string): number => {
    // Number('') is 0 and Number('0x10') is 16: only decimal notation is meant.
    const value = /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : NaN
    if (!Number.isFinite(value) || value < min || value > max)
      throw new InvalidArgumentError(`${label}: expected a number${accepted}, got '${text}'.`)
    return value
  }
}

/** An option's parser: one of the words given. */
export function oneOf<T extends string>(label: string, accepted: readonly T[]) {
  return (text: string): T => {
    const found = accepted.find((word) => word === text)
    if (found === undefined)
      throw new InvalidArgumentError(`${label}: expected one of ${accepted.join(', ')}, got '${text}'.`)
    return found
  }
}

/**
 * An option's parser: entries separated by commas, each read by `each`; at least one, none empty.
 * `--layers 6,8` with `listOf('layers', integerIn('layer', 0, 11))` becomes `[6, 8]`.
 */
export function listOf(label: string): (text: string) => string[]
export function listOf<T>(label: string, each: (text: string) => T): (text: string) => T[]
export function listOf<T>(label: string, each?: (text: string) => T) {
  return (text: string): (T | string)[] =>
    text.split(',').map((part) => {
      const entry = part.trim()
      if (entry === '')
        throw new InvalidArgumentError(
          `${label}: expected entries separated by commas, none empty, got '${text}'.`,
        )
      return each ? each(entry) : entry
    })
}

/**
 * Runs a command. A `UserError` ends it with one line, another error with its message and, when
 * CLEARBOX_DEBUG is set, its stack: exit code 1. SIGINT and SIGTERM end it with 130 and 143, after
 * temporary files are removed and the work given to `onSignal` is done. A reader that closes standard output early (`| head`) ends it quietly.
 */
export function runMain(main: () => Promise<void>): void {
  for (const signal of ['SIGINT', 'SIGTERM'] as const)
    process.once(signal, () => void sayFarewell().finally(() => process.exit(EXIT[signal])))
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') process.exit(EXIT.ok)
    fail(error)
  })
  main().catch(fail)
}

/** Ends the process even if workers or sockets would keep it alive. */
function fail(error: unknown): never {
  const message = error instanceof Error ? error.message : String(error)
  printNote(`error: ${visibleLine(message)}`)
  if (!(error instanceof UserError)) {
    if (process.env.CLEARBOX_DEBUG) printNote(inspect(error))
    else printNote('(set CLEARBOX_DEBUG=1 to see where it happened)')
  }
  process.exit(EXIT.failure)
}

/** An option's parser: `250000`, `250k`, `1.5M`. */
export function tokenCount(label: string) {
  return (text: string): number => {
    const [, digits, unit = ''] = /^(\d+(?:\.\d+)?)([kM]?)$/.exec(text) ?? []
    const value = Number(digits) * { '': 1, k: 1e3, M: 1e6 }[unit as '' | 'k' | 'M']
    if (!(Number.isSafeInteger(value) && value > 0))
      throw new InvalidArgumentError(`${label}: expected a number such as 250000, 250k or 1M, got '${text}'.`)
    return value
  }
}
