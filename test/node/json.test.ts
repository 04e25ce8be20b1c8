import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { readJson, type Json } from '../../experiments/lab/texts/json.ts'

const test = suite('json')

/** What JSON.parse would have given for the same source. */
function plain(value: Json): unknown {
  if (Array.isArray(value)) return value.map(plain)
  if (!(value instanceof Map)) return value
  // defineProperty, as assigning to `__proto__` would set the prototype
  const object = {}
  for (const [key, member] of value)
    Object.defineProperty(object, key, {
      value: plain(member),
      enumerable: true,
      writable: true,
      configurable: true,
    })
  return object
}

/** The value JSON.parse finds, or undefined where it finds none. */
function native(source: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(source) }
  } catch {
    return undefined
  }
}

function message(source: string): string {
  try {
    readJson(source)
  } catch (error) {
    return (error as Error).message
  }
  return 'no error'
}

test('gives what JSON.parse gives', () => {
  const json = fc.json({ stringUnit: 'binary', maxDepth: 6 })
  const spaced = fc.tuple(json, fc.constantFrom(undefined, 1, '\t')).map(([source, indent]) => {
    return JSON.stringify(JSON.parse(source), null, indent)
  })
  fc.assert(
    fc.property(fc.oneof(json, spaced), (source) => {
      assert.equal(plain(readJson(source)), JSON.parse(source))
    }),
    { numRuns: 500, seed: 1 },
  )
})

test('refuses what JSON.parse refuses, and nothing more but repeated keys', () => {
  const tokens = fc.constantFrom(
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '"a"',
    '"\\',
    ' ',
    '\n',
    '-',
    '0',
    '1.5',
    '1e3',
    '.',
    'true',
    'null',
    'x',
    '\u0001',
    '\u00a0',
    '"\\u00e9"',
  )
  const source = fc.array(tokens, { maxLength: 7 }).map((parts) => parts.join(''))
  let valid = 0
  fc.assert(
    fc.property(source, (text) => {
      const expected = native(text)
      const got = message(text)
      if (expected === undefined) assert.match(got, /^not valid JSON at line \d+, column \d+: /)
      else if (!got.includes('occurs twice')) assert.equal(plain(readJson(text)), expected.value)
      valid += expected === undefined ? 0 : 1
    }),
    { numRuns: 8_000, seed: 2 },
  )
  assert.ok(valid > 200, `only ${valid} of the sources were valid`)
})

test('keeps whole-number keys in their place, and __proto__ as a key', () => {
  const value = readJson('{ "b": 1, "2": 2, "__proto__": 3, "1": 4 }')
  assert.equal(
    [...(value as Map<string, Json>)],
    [
      ['b', 1],
      ['2', 2],
      ['__proto__', 3],
      ['1', 4],
    ],
  )
})

for (const [source, expected] of [
  ['', 'line 1, column 1: value expected, found the end of the file'],
  ['hello', 'line 1, column 1: expected a value, or a key in double quotes, found "hello"'],
  ['{\n  "a": [1,\n  }', 'line 3, column 3: value expected, found "}"'],
  ['["a" "b"]', 'line 1, column 6: comma expected, found "\\"b\\"]"'],
  ['{"a": 1 "b": 2}', 'line 1, column 9: comma expected, found "\\"b\\": 2}"'],
  ["{'a': 1}", 'line 1, column 2: expected a value, or a key in double quotes, found "\'a\': 1}"'],
  ['{"a", 1}', 'line 1, column 5: colon expected, found ", 1}"'],
  ['{"a": 1,\n "a": 2}', 'line 2, column 2: the key "a" occurs twice, found "\\"a\\": 2}"'],
  ['["ab', 'line 1, column 2: unexpected end of string, found "\\"ab"'],
  ['["ab\\', 'line 1, column 2: unexpected end of string, found "\\"ab\\\\"'],
  ['["a\nb"]', 'line 1, column 2: unexpected end of string, found "\\"a\\nb\\"]"'],
  ['["\\q"]', 'line 1, column 2: invalid escape character, found "\\"\\\\q\\"]"'],
  ['["\u0001"]', 'line 1, column 2: invalid character, found "\\"\\u0001\\"]"'],
  ['[1] // one', 'line 1, column 5: invalid comment token, found "// one"'],
  ['[1,]', 'line 1, column 4: value expected, found "]"'],
  ['[1] 2', 'line 1, column 5: end of file expected, found "2"'],
  [
    '['.repeat(200_000),
    `line 1, column 102: nested deeper than 100 levels, found ${JSON.stringify('['.repeat(20))}`,
  ],
])
  test(`names the place: ${source.slice(0, 20)}`, () => {
    assert.is(message(source), `not valid JSON at ${expected}`)
  })

test('takes trailing commas where they are allowed, and only there', () => {
  const read = (source: string) => plain(readJson(source, { allowTrailingComma: true }))
  assert.equal(read('{"a": [1, 2,\n],}'), { a: [1, 2] })
  assert.equal(read('["x,]", ",}"]'), ['x,]', ',}'])
  assert.throws(() => read('[1,,]'), /line 1, column 4: value expected/)
})

test('long strings, numbers and runs of spaces need no stack', () => {
  const long = 2_000_000
  assert.is(readJson(`"${'\\n'.repeat(long)}"`), '\n'.repeat(long))
  assert.is(readJson(`${' '.repeat(long)}1${'0'.repeat(long)}`), Infinity)
  assert.is((readJson(`[${'0,'.repeat(long)}0]`) as Json[]).length, long + 1)
})

test.run()
