/** A JSON value. Objects are maps: keys keep the file's order, whole numbers too, and `__proto__` is a key like any other. */
export type Json = null | boolean | number | string | Json[] | Map<string, Json>

/** Deeper nesting than any file of texts needs, and far less than what overflows the stack. */
const DEEPEST = 100

/**
 * Reads JSON (RFC 8259) that a person may have written. JSON.parse would keep only the last of two equal
 * keys without a word, move keys such as "2024" to the front, and name no position in some of its errors.
 * @throws with line and column where the source is not JSON, repeats a key or nests deeper than 100 levels
 */
export function readJson(source: string): Json {
  const reader = new JsonReader(source)
  const value = reader.value(0)
  reader.end()
  return value
}

class JsonReader {
  private readonly source: string
  private at = 0

  constructor(source: string) {
    this.source = source
  }

  value(depth: number): Json {
    if (depth > DEEPEST) throw this.error(`nested deeper than ${DEEPEST} levels`)
    this.skipSpace()
    const first = this.source[this.at]
    if (first === '{') return this.object(depth)
    if (first === '[') return this.array(depth)
    if (first === '"') return this.string()
    return this.literal()
  }

  end(): void {
    this.skipSpace()
    if (this.at < this.source.length) throw this.error('expected the end of the file')
  }

  private object(depth: number): Map<string, Json> {
    const members = new Map<string, Json>()
    this.at++
    if (this.take('}')) return members
    do {
      this.skipSpace()
      if (this.source[this.at] !== '"') throw this.error('expected a key in double quotes')
      const start = this.at
      const key = this.string()
      if (members.has(key)) throw this.error(`the key ${JSON.stringify(key)} occurs twice`, start)
      if (!this.take(':')) throw this.error('expected ":" after a key')
      members.set(key, this.value(depth + 1))
    } while (this.take(','))
    if (!this.take('}')) throw this.error('expected "," or "}"')
    return members
  }

  private array(depth: number): Json[] {
    const items: Json[] = []
    this.at++
    if (this.take(']')) return items
    do items.push(this.value(depth + 1))
    while (this.take(','))
    if (!this.take(']')) throw this.error('expected "," or "]"')
    return items
  }

  private string(): string {
    const start = this.at
    let end = start + 1
    while (this.source[end] !== '"') {
      if (end >= this.source.length) throw this.error('a string that is not closed', start)
      end += this.source[end] === '\\' ? 2 : 1
    }
    this.at = end + 1
    try {
      return JSON.parse(this.source.slice(start, this.at)) as string
    } catch (cause) {
      throw this.error('a string with an unknown escape or a raw control character', start, cause)
    }
  }

  private literal(): null | boolean | number {
    const word = /[-+.\w]*/y
    word.lastIndex = this.at
    const found = word.exec(this.source)?.[0] ?? ''
    try {
      const value = JSON.parse(found) as null | boolean | number
      this.at += found.length
      return value
    } catch (cause) {
      throw this.error('expected a value', this.at, cause)
    }
  }

  private skipSpace(): void {
    while (' \t\n\r'.includes(this.source[this.at] ?? '-')) this.at++
  }

  /** Steps over `mark`, and spaces before it; false if something else stands there. */
  private take(mark: string): boolean {
    this.skipSpace()
    if (this.source[this.at] !== mark) return false
    this.at++
    return true
  }

  private error(what: string, at = this.at, cause?: unknown): Error {
    const before = this.source.slice(0, at).split('\n')
    const place = `line ${before.length}, column ${before[before.length - 1].length + 1}`
    const found =
      at < this.source.length ? JSON.stringify(this.source.slice(at, at + 20)) : 'the end of the file'
    return new Error(`not valid JSON at ${place}: ${what}, found ${found}`, { cause })
  }
}
