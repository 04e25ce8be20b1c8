import { readFile } from 'node:fs/promises'
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { WeightsFileError } from '../../engine/weights/weights.ts'
import { sizeOf } from '../../engine/tensor.ts'
import { readTensor } from '../../engine/weights/weights.ts'
import { FIXTURE, entryJson, errorOf, fileOf, openBytes } from '../fixtures/safetensors.ts'

async function refuses(bytes: Uint8Array, message: RegExp): Promise<void> {
  const error = await errorOf(() => openBytes(bytes))
  assert.instance(error, WeightsFileError)
  assert.match(error.message, message)
  assert.match(error.message, /^file: /)
}

const malformed = suite('safetensors: malformed files')

const withLength = (length: bigint): Uint8Array => {
  const bytes = fileOf('{}', 100)
  new DataView(bytes.buffer).setBigUint64(0, length, true)
  return bytes
}
const text = (string: string): Uint8Array => new TextEncoder().encode(string)
const latin1 = (string: string): Uint8Array => Uint8Array.from(string, (char) => char.charCodeAt(0))
const one = entryJson('[1]', '[0,4]')
const two = entryJson('[2]', '[4,12]')
const dtyped = (dtype: string): string => `{"t":{"dtype":${dtype},"shape":[1],"data_offsets":[0,4]}}`

const cases: [what: string, bytes: Uint8Array, message: RegExp][] = [
  ['an empty file', text(''), /expected at least 8 bytes, found 0/],
  ['a short file', text('1234567'), /expected at least 8 bytes, found 7/],
  ['a Git LFS pointer', text('version https://git-lfs.github.com/spec/v1\n'), /git lfs pull/],
  ['a header beyond the file', withLength(103n), /a header of 103 bytes, but 102 follow/],
  ['a header over 100 MB', withLength(100_000_001n), /a header of 100000001 bytes, at most 100000000/],
  ['a header length beyond 2^53', withLength(2n ** 64n - 1n), /a header of 18446744073709551615 bytes/],
  ['an empty header', withLength(0n), /not a JSON object: expected "{"/],
  ['an array as header', fileOf('[]'), /not a JSON object: expected "{"/],
  ['a space before the header', fileOf(' {}'), /not a JSON object: expected "{"/],
  ['bad JSON', fileOf('{"a":}'), /the header is not JSON in UTF-8: Unexpected token/],
  ['JSON that ends early', fileOf('{"a'), /the header is not JSON in UTF-8/],
  ['zeros behind the header', fileOf('{}\0\0'), /the header is not JSON in UTF-8/],
  ['bad UTF-8', fileOf(latin1('{"__metadata__":{"\xff":""}}')), /the header is not JSON in UTF-8/],
  ['a deep header', fileOf(`{"a":${'['.repeat(1e6)}`), /expected the header 3 levels deep, found more/],
  ['metadata that is no object', fileOf('{"__metadata__":[]}'), /__metadata__ to be an object, found \[\]/],
  [
    'metadata that is no string',
    fileOf('{"__metadata__":{"k":1}}'),
    /__metadata__ "k" to be a string, found 1/,
  ],
  [
    'an entry that is no object',
    fileOf('{"t":null}'),
    /tensor "t": expected { dtype, shape, data_offsets }, found null/,
  ],
  ['no dtype', fileOf('{"t":{}}'), /tensor "t": unknown dtype nothing/],
  [
    'an unknown dtype',
    fileOf(dtyped('"F99"'), 4),
    /tensor "t": unknown dtype "F99", expected one of F64 F32/,
  ],
  ['a dtype that objects have', fileOf(dtyped('"constructor"'), 4), /unknown dtype "constructor"/],
  [
    'no shape',
    fileOf('{"t":{"dtype":"F32"}}'),
    /"t": expected a shape of whole numbers from 0, found nothing/,
  ],
  [
    'a negative dimension',
    fileOf(`{"t":${entryJson('[-1]', '[0,4]')}}`, 4),
    /whole numbers from 0, found \[-1\]/,
  ],
  [
    'a fractional dimension',
    fileOf(`{"t":${entryJson('[1.5]', '[0,6]')}}`, 6),
    /whole numbers from 0, found \[1.5\]/,
  ],
  [
    'an unsafe dimension',
    fileOf(`{"t":${entryJson('[9007199254740992,0]', '[0,0]')}}`),
    /whole numbers from 0, found \[9007/,
  ],
  ['an infinite dimension', fileOf(`{"t":${entryJson('[1e999]', '[0,0]')}}`), /whole numbers from 0/],
  [
    'a shape beyond 2^53',
    fileOf(`{"t":${entryJson('[4294967296,4294967296,0]', '[0,0]')}}`),
    /too large to be addressed/,
  ],
  [
    'one offset',
    fileOf(`{"t":${entryJson('[1]', '[4]')}}`, 4),
    /expected data_offsets \[begin, end\], found \[4\]/,
  ],
  [
    'a negative offset',
    fileOf(`{"t":${entryJson('[1]', '[-4,0]')}}`, 4),
    /expected data_offsets .* found \[-4,0\]/,
  ],
  [
    'offsets reversed',
    fileOf(`{"t":${entryJson('[1]', '[4,0]')}}`, 4),
    /takes 4 bytes, but data_offsets \[4, 0\] hold -4/,
  ],
  [
    'offsets unlike the shape',
    fileOf(`{"t":${entryJson('[2,3]', '[0,20]')}}`, 20),
    /F32 \[2, 3\] takes 24 bytes, but data_offsets \[0, 20\] hold 20/,
  ],
  [
    'tensors that overlap',
    fileOf(`{"a":${one},"b":${one}}`, 4),
    /tensor "b" begins at byte \d+ of the file, but tensor "a" ends at \d+: they overlap/,
  ],
  [
    'an empty tensor inside another',
    fileOf(`{"a":${one},"b":${entryJson('[0]', '[2,2]')}}`, 4),
    /they overlap/,
  ],
  [
    'a gap',
    fileOf(`{"b":${two}}`, 12),
    /a gap: the header ends at byte \d+ of the file, the next, tensor "b", begins at \d+/,
  ],
  [
    'data cut short',
    fileOf(`{"a":${one},"b":${two}}`, 11),
    /short file: tensor "b" ends at byte \d+, but the file has \d+/,
  ],
  [
    'data left over',
    fileOf(`{"a":${one}}`, 5),
    /tensor "a" ends at byte \d+, but the file has \d+: the rest belongs to no tensor/,
  ],
  ['data without tensors', fileOf('{}', 1), /the header ends at byte 10, but the file has 11/],
  ['a name that stands twice', fileOf(`{"a":${one},"a":${one}}`, 4), /"a" stands twice in the header/],
  [
    'a name twice, once escaped',
    fileOf(`{"a":${one},"\\u0061":${one}}`, 4),
    /"\\u0061" stands twice in the header/,
  ],
  [
    'a key that stands twice',
    fileOf('{"a":{"dtype":"F32","shape":[1],"shape":[2],"data_offsets":[0,4]}}', 4),
    /"shape" stands twice in "a" in the header/,
  ],
  [
    'metadata that stand twice',
    fileOf('{"__metadata__":{"k":"1","k":"2"}}'),
    /"k" stands twice in "__metadata__"/,
  ],
  [
    'a name of a megabyte, cut in the message',
    fileOf(`{"${'n'.repeat(1e6)}":null}`),
    /^.{0,99}tensor "n{76}\.\.\.: expected { dtype, shape, data_offsets }, found null$/,
  ],
  ['a tensor __proto__', fileOf(`{"__proto__":${one}}`, 4), /named "__proto__": this name is refused/],
]

for (const [what, bytes, message] of cases) malformed(`${what} is refused`, () => refuses(bytes, message))

malformed('a key may stand in two tensors, and a brace, quote or colon in a name', async () => {
  const header = `{"{\\"a\\":{[":${one},"\\\\":${two}}`
  assert.equal((await openBytes(fileOf(header, 12))).names(), ['{"a":{[', '\\'])
})

malformed.run()

const fuzz = suite('safetensors: fuzz')

/** Opens and reads everything; anything but a WeightsFileError is a crash. Says whether the file was accepted. */
async function survives(bytes: Uint8Array): Promise<boolean> {
  try {
    const store = await openBytes(bytes)
    let covered = 0
    for (const name of store.names()) {
      const { dtype, shape, begin, end } = store.entry(name)
      assert.ok(begin >= 8 && end <= bytes.length, 'a tensor lies within its file')
      covered += end - begin
      if (!['F32', 'F16', 'BF16'].includes(dtype)) continue
      assert.ok(sizeOf(shape) * 2 <= bytes.length, 'a tensor is no larger than its file')
      await readTensor(store.get(name))
    }
    assert.ok(covered <= bytes.length)
    return true
  } catch (error) {
    if (error instanceof WeightsFileError) return false
    throw error
  }
}

fuzz('random bytes', () =>
  fc.assert(
    fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
      await survives(bytes)
      await survives(fileOf(bytes))
    }),
    { seed: 1, numRuns: 1500 },
  ),
)

fuzz('a valid file with some bytes changed, or cut off', async () => {
  const valid = new Uint8Array(await readFile(FIXTURE))
  assert.ok(await survives(valid))
  const change = fc.tuple(fc.nat(valid.length - 1), fc.integer({ min: 0, max: 255 }))
  const digit = fc.tuple(fc.nat(valid.length - 1), fc.constantFrom(...text('0123456789-.eE"{}[],:')))
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.oneof(change, digit), { minLength: 1, maxLength: 4 }),
      fc.option(fc.nat(valid.length)),
      async (changes, length) => {
        const bytes = valid.slice(0, length ?? valid.length)
        for (const [at, byte] of changes) bytes[at] = byte
        await survives(bytes)
      },
    ),
    { seed: 2, numRuns: 3000 },
  )
})

fuzz('headers of the right form with wrong contents', async () => {
  const count = fc.oneof(
    { weight: 6, arbitrary: fc.nat(4) },
    fc.constantFrom(-1, -0, 0.5, 2 ** 31, 2 ** 32, 2 ** 52, 2 ** 53, 1e21, 1e308),
  )
  const entry = fc.record(
    {
      dtype: fc.constantFrom('F32', 'F16', 'BF16', 'I64', 'U8', 'BOOL', 'F33', 'toString'),
      shape: fc.oneof({ weight: 8, arbitrary: fc.array(count, { maxLength: 4 }) }, fc.jsonValue()),
      data_offsets: fc.oneof({ weight: 8, arbitrary: fc.tuple(count, count) }, fc.jsonValue()),
    },
    { requiredKeys: [] },
  )
  const name = fc.oneof(fc.string(), fc.constantFrom('a', '__metadata__', '__proto__', 'constructor'))
  const header = fc.array(fc.tuple(name, fc.oneof({ weight: 8, arbitrary: entry }, fc.jsonValue())), {
    maxLength: 3,
  })
  let accepted = 0
  await fc.assert(
    fc.asyncProperty(header, fc.nat(16), async (fields, length) => {
      const json = fields.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')
      if (await survives(fileOf(`{${json}}`, length))) accepted++
    }),
    { seed: 3, numRuns: 4000 },
  )
  assert.ok(accepted > 20, `only ${accepted} of the headers were accepted`)
})

fuzz.run()
