/** A Python value made of literals alone. Dictionaries keep their order. */
export type PythonLiteral = string | PythonLiteral[] | Map<string, PythonLiteral>

/**
 * Reads the dictionary, list or string that begins at `start` of Python source: strings in quotes of one kind, lists,
 * dictionaries with strings as keys, comments between them. Nothing is executed: a name, a call, an operator, a number,
 * an f-string or anything else is an error. What follows the literal is not looked at.
 * https://docs.python.org/3/reference/lexical_analysis.html#string-and-bytes-literals
 * @throws with line and column
 */
export function readPythonLiteral(source: string, start = 0): PythonLiteral {
  return new LiteralReader(source, start).value(0)
}

const DEEPEST = 100

const ESCAPES: Readonly<Record<string, string>> = {
  '\n': '',
  '\\': '\\',
  "'": "'",
  '"': '"',
  a: '\x07',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
  v: '\v',
}

/** Digits after \x, \u and \U. */
const HEX_DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 }

class LiteralReader {
  readonly #source: string
  #at: number

  constructor(source: string, start: number) {
    this.#source = source
    this.#at = start
  }

  value(depth: number): PythonLiteral {
    if (depth > DEEPEST) throw this.#error(`nested deeper than ${DEEPEST} levels`)
    this.#skip()
    const first = this.#source[this.#at]
    if (first === '{') return this.#dictionary(depth)
    if (first === '[') return this.#list(depth)
    if (first === '"' || first === "'") return this.#strings()
    throw this.#error('expected a string, a list or a dictionary')
  }

  #dictionary(depth: number): Map<string, PythonLiteral> {
    const members = new Map<string, PythonLiteral>()
    this.#items('}', () => {
      const start = this.#at
      const key = this.value(depth + 1)
      if (typeof key !== 'string') throw this.#error('expected a string as key', start)
      if (members.has(key)) throw this.#error(`the key ${JSON.stringify(key)} occurs twice`, start)
      if (!this.#take(':')) throw this.#error('expected ":" after a key')
      members.set(key, this.value(depth + 1))
    })
    return members
  }

  #list(depth: number): PythonLiteral[] {
    const items: PythonLiteral[] = []
    this.#items(']', () => items.push(this.value(depth + 1)))
    return items
  }

  /** Reads items from a bracket to its partner, separated by commas; one may stand at the end. */
  #items(close: string, read: () => void): void {
    this.#at++
    while (!this.#take(close)) {
      read()
      if (this.#take(',')) continue
      if (!this.#take(close)) throw this.#error(`expected "," or "${close}"`)
      return
    }
  }

  /** One string, or several side by side, which Python joins. */
  #strings(): string {
    let text = ''
    do {
      text += this.#string()
      this.#skip()
    } while (this.#source[this.#at] === '"' || this.#source[this.#at] === "'")
    return text
  }

  #string(): string {
    const start = this.#at
    const quote = this.#source[this.#at++]
    if (this.#source.startsWith(quote + quote, this.#at))
      throw this.#error('a string in triple quotes is not read here', start)
    let text = ''
    for (;;) {
      const character = this.#source[this.#at]
      if (character === undefined || character === '\n')
        throw this.#error('a string that is not closed', start)
      this.#at++
      if (character === quote) return text
      text += character === '\\' ? this.#escape() : character
    }
  }

  #escape(): string {
    const character = this.#source[this.#at++] ?? ''
    if (Object.hasOwn(ESCAPES, character)) return ESCAPES[character]
    const digits = Object.hasOwn(HEX_DIGITS, character) ? HEX_DIGITS[character] : 0
    const hex = this.#source.slice(this.#at, this.#at + digits)
    if (
      digits === 0 ||
      !/^[0-9a-fA-F]+$/.test(hex) ||
      hex.length < digits ||
      Number.parseInt(hex, 16) > 0x10ffff
    )
      throw this.#error('an escape that is not read here', this.#at - 2)
    this.#at += digits
    return String.fromCodePoint(Number.parseInt(hex, 16))
  }

  /** Steps over spaces, line ends and comments. */
  #skip(): void {
    const blank = /(?:[ \t\r\n\f]|#[^\n]*)*/y
    blank.lastIndex = this.#at
    blank.exec(this.#source)
    this.#at = blank.lastIndex
  }

  #take(mark: string): boolean {
    this.#skip()
    if (this.#source[this.#at] !== mark) return false
    this.#at++
    return true
  }

  #error(what: string, at = this.#at): Error {
    const before = this.#source.slice(0, at).split('\n')
    const found = at < this.#source.length ? JSON.stringify(this.#source.slice(at, at + 20)) : 'the end'
    return new Error(
      `line ${before.length}, column ${before[before.length - 1].length + 1}: ${what}, found ${found}`,
    )
  }
}
