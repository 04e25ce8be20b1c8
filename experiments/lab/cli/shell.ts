// Arguments as one would type them into a shell.
import { visibleLine } from './print.ts'

/**
 * The argument so that bash reads it back, even after it has been printed. It is bare where nothing in it is special, in
 * double quotes where every common shell reads them alike, and otherwise in single quotes. What a terminal would not show is written
 * byte by byte.
 */
export function shellQuoted(argument: string): string {
  if (/^[\w./:=,-]+$/.test(argument)) return argument
  if (visibleLine(argument) !== argument)
    return `$'${Array.from(new TextEncoder().encode(argument), escapeByte).join('')}'`
  return /["$`\\!%]/.test(argument) ? `'${argument.replaceAll("'", "'\\''")}'` : `"${argument}"`
}

function escapeByte(byte: number): string {
  const character = String.fromCharCode(byte)
  return /[\w ./:=,()-]/.test(character) ? character : `\\x${byte.toString(16).padStart(2, '0')}`
}
