// All printing of commands: no text from a data set, a model or a path can control the terminal.
import { asCalled } from './called.ts'
import { visible } from './visible.ts'

/** Text on one line: control characters as pictures (␊, ␛), other invisible ones as in reports; no server's password. */
export function visibleLine(text: string): string {
  const pictured = withoutPasswords(text).replace(/[\u0000-\u001f\u007f]/g, (character) =>
    character === '\u007f' ? '␡' : String.fromCharCode(0x2400 + character.charCodeAt(0)),
  )
  return visible(pictured)
}

/** Addresses of Redis without user and password. */
export function withoutPasswords(text: string): string {
  return text.replace(/\b(rediss?:\/\/)\S*@/gi, '$1***@')
}

/** Lines of text, each made visible. */
export function visibleLines(text: string): string {
  return text.split('\n').map(visibleLine).join('\n')
}

/** Prints lines of text, each made visible, with commands named as they are called here, to standard output or to `out`. */
export function print(text: string, out: NodeJS.WritableStream = process.stdout): void {
  out.write(`${visibleLines(asCalled(text))}\n`)
}

/** Prints to standard error what is not part of the results. */
export function printNote(text: string): void {
  print(text, process.stderr)
}

/** A value as JSON. Characters that a terminal or an editor would not show, or would obey, are escaped; no value changes. */
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
