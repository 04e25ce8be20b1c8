// All that commands print: no text of a data set, a model or a path can steer the terminal.
import { asCalled } from './called.ts'
import { visible } from './visible.ts'

/** Text on one line: control characters as pictures (␊, ␛), what else is invisible as in reports; no server's password. */
export function visibleLine(text: string): string {
  const pictured = withoutPasswords(text).replace(/[\u0000-\u001f\u007f]/g, (character) =>
    character === '\u007f' ? '␡' : String.fromCharCode(0x2400 + character.charCodeAt(0)),
  )
  return visible(pictured)
}

/** Addresses of Redis without what logs in to it. */
export function withoutPasswords(text: string): string {
  return text.replace(/\b(rediss?:\/\/)\S*@/gi, '$1***@')
}

/** Lines of text, each made visible. */
export function visibleLines(text: string): string {
  return text.split('\n').map(visibleLine).join('\n')
}

/** Prints lines of text, each made visible, commands as they are called here: on standard output, or where `out` says. */
export function print(text: string, out: NodeJS.WritableStream = process.stdout): void {
  out.write(`${visibleLines(asCalled(text))}\n`)
}

/** Prints what does not belong to the results: on standard error. */
export function printNote(text: string): void {
  print(text, process.stderr)
}

/** A value as JSON. What a terminal or an editor would not show, or be steered by, is escaped, which changes no value. */
export function toJson(
  value: unknown,
  indent?: number,
  replacer?: (key: string, value: unknown) => unknown,
): string {
  return JSON.stringify(value, replacer, indent).replace(
    /(?![ \n\p{Co}\p{Cn}])[\p{C}\p{Z}\p{Default_Ignorable_Code_Point}]/gu,
    (character) =>
      Array.from({ length: character.length }, (_, unit) => escapeUnit(character.charCodeAt(unit))).join(''),
  )
}

const escapeUnit = (code: number): string => `\\u${code.toString(16).padStart(4, '0')}`

/** Prints a value as JSON on standard output. */
export function printJson(...value: Parameters<typeof toJson>): void {
  process.stdout.write(`${toJson(...value)}\n`)
}
