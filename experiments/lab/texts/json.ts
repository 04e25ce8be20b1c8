// JSON that a person may have written: every fault has a place, and no key is lost.
import { printParseErrorCode, visit, type JSONVisitor } from 'jsonc-parser'

/** A JSON value. Objects are maps: keys keep the file's order, whole numbers too, and `__proto__` is a key like any other. */
export type Json = null | boolean | number | string | Json[] | Map<string, Json>

/** Deeper nesting than any file of texts needs, and far less than what overflows the stack. */
const DEEPEST = 100

/**
 * Reads JSON (RFC 8259). JSON.parse would keep only the last of two equal keys without a word, move keys such as
 * "2024" to the front, and name no position in some of its errors.
 * @param options whether a comma may stand before a closing bracket, as in Python; `firstLine` is the source's in its file
 * @throws with line and column where the source is not JSON, repeats a key or nests deeper than 100 levels
 */
export function readJson(source: string, { allowTrailingComma = false, firstLine = 1 } = {}): Json {
  const faultAt = (at: number, what: string) => fault(source, firstLine, at, what)
  const open: (Json[] | Map<string, Json>)[] = []
  let root: Json = null
  let key = ''
  const add = (value: Json): void => {
    const parent = open.at(-1)
    if (parent === undefined) root = value
    else if (parent instanceof Map) parent.set(key, value)
    else parent.push(value)
  }
  const enter = (value: Json[] | Map<string, Json>, at: number): void => {
    if (open.length > DEEPEST) throw faultAt(at, `nested deeper than ${DEEPEST} levels`)
    add(value)
    open.push(value)
  }
  const leave = (): void => void open.pop()
  const visitor: JSONVisitor = {
    onObjectBegin: (at) => enter(new Map(), at),
    onObjectProperty(name, at) {
      if ((open.at(-1) as Map<string, Json>).has(name))
        throw faultAt(at, `the key ${JSON.stringify(name)} occurs twice`)
      key = name
    },
    onObjectEnd: leave,
    onArrayBegin: (at) => enter([], at),
    onArrayEnd: leave,
    onLiteralValue: add,
    onError(code, at) {
      throw faultAt(at, inWords(printParseErrorCode(code)))
    },
  }
  visit(source, visitor, { disallowComments: true, allowTrailingComma })
  return root
}

/** `CommaExpected` as `comma expected`. */
function inWords(code: string): string {
  if (code === 'InvalidSymbol') return 'expected a value, or a key in double quotes'
  return code.replace(/\B[A-Z]/g, ' $&').toLowerCase()
}

function fault(source: string, firstLine: number, at: number, what: string): Error {
  const before = source.slice(0, at).split('\n')
  const place = `line ${firstLine + before.length - 1}, column ${before[before.length - 1].length + 1}`
  const found = at < source.length ? JSON.stringify(source.slice(at, at + 20)) : 'the end of the file'
  return new Error(`not valid JSON at ${place}: ${what}, found ${found}`)
}
