// What JSON.parse lets pass, and what an error message can carry of a value.

/**
 * Refuses what JSON.parse would let pass: of two equal keys it silently keeps the last, and it builds any depth, which
 * takes minutes for 100 MB of brackets. Leaves every other fault to JSON.parse.
 * @param what the text is called in messages, e.g. `the header`
 * @throws naming the key that stands twice, or the depth
 */
export function checkKeys(json: string, what: string, deepest: number): void {
  const seen: Set<string>[] = []
  let outer = ''
  let literal = ''
  for (let i = 0; i < json.length; i++) {
    const char = json[i]
    if (char === '"') {
      const start = i++
      while (i < json.length && json[i] !== '"') i += json[i] === '\\' ? 2 : 1
      literal = json.slice(start, i + 1)
    } else if (char === '{' || char === '[') {
      if (seen.push(new Set()) > deepest)
        throw new Error(`expected ${what} ${deepest} levels deep, found more`)
    } else if (char === '}' || char === ']') {
      seen.pop()
    } else if (char === ':') {
      const key = JSON.parse(literal) as string
      const where = seen.length > 1 ? `in ${cut(outer)} ` : ''
      if (seen.at(-1)?.has(key)) throw new Error(`${cut(literal)} stands twice ${where}in ${what}`)
      seen.at(-1)?.add(key)
      if (seen.length === 1) outer = literal
    }
  }
}

/** A JSON value, cut to what an error message can carry. */
export function show(value: unknown): string {
  return cut(JSON.stringify(value) ?? 'nothing')
}

/** A text, cut likewise. */
export function cut(json: string): string {
  return json.length > 80 ? `${json.slice(0, 77)}...` : json
}
