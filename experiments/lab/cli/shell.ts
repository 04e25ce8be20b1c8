// Arguments as they are typed into a shell.
import { visibleLine } from './print.ts'

/**
 * As bash reads it back, also once it is printed: bare where nothing in it is special, in double quotes where every common
 * shell reads them alike, else in single ones; what would not be seen in a terminal, byte by byte.
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
