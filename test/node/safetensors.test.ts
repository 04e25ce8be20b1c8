import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { openFile } from '../../engine/weights/files-node.ts'
import { encodeSafetensors, openSafetensors } from '../../engine/weights/safetensors.ts'
import { WeightsFileError } from '../../engine/weights/weights.ts'
import { Tensor, sizeOf } from '../../engine/tensor.ts'
import { readTensor } from '../../engine/weights/weights.ts'
import { FIXTURE, entryJson, errorOf, fileOf, openBytes, sameNumbers } from '../fixtures/safetensors.ts'

const reading = suite('safetensors: reading')

reading("reads what Python's safetensors writes", async () => {
  const store = await openSafetensors(await openFile(FIXTURE))
  const numbers = async (name: string): Promise<Float32Array> => (await readTensor(store.get(name))).data
  const specials = [0, -0, 1, -2.5]
  const ends = [Infinity, -Infinity, NaN]
  const brainLimits = [(2 - 2 ** -7) * 2 ** 127, 2 ** -133, 127 * 2 ** -133]
  assert.equal(store.entry('f32').shape, [2, 3])
  sameNumbers(await numbers('f32'), Float32Array.of(1.5, -2, 3, 2 ** -149, Infinity, 0.1))
  sameNumbers(await numbers('f16'), Float32Array.of(...specials, 65504, 2 ** -24, 1023 * 2 ** -24, ...ends))
  sameNumbers(await numbers('bf16'), Float32Array.of(...specials, ...brainLimits, ...ends))
  sameNumbers(await numbers('scalar'), Float32Array.of(0.25))
  assert.equal(store.get('scalar').shape, [])
  sameNumbers(await numbers('empty'), Float32Array.of())
  sameNumbers(await numbers('größe ✓'), Float32Array.of(7))
  assert.equal(await store.readIntegers('i32'), [1, -2, 2 ** 31 - 1])
  assert.equal(await store.readIntegers('i64'), [2 ** 53 - 1, -(2 ** 40)])
  assert.is(store.entry('bool').dtype, 'BOOL')
  assert.equal([...store.metadata], [['made by', "Python's safetensors"]])
  assert.is(store.label, FIXTURE)
  await store.close()
})

/** Every 16-bit pattern, as data. */
const patterns = new Uint8Array(Uint16Array.from({ length: 65536 }, (_, i) => i).buffer)

/** A float of `exponentBits` and `fractionBits` below its sign bit, by the formula of IEEE 754. */
function decodeFloat(bits: number, exponentBits: number, fractionBits: number): number {
  const sign = bits >> (exponentBits + fractionBits) ? -1 : 1
  const exponent = (bits >> fractionBits) & (2 ** exponentBits - 1)
  const fraction = (bits & (2 ** fractionBits - 1)) / 2 ** fractionBits
  const bias = 2 ** (exponentBits - 1) - 1
  if (exponent === 2 ** exponentBits - 1) return fraction ? NaN : sign * Infinity
  if (exponent === 0) return sign * fraction * 2 ** (1 - bias)
  return sign * (1 + fraction) * 2 ** (exponent - bias)
}

for (const [dtype, exponentBits, fractionBits] of [['F16', 5, 10] as const, ['BF16', 8, 7] as const])
  reading(`${dtype}: each of the 65,536 patterns, whole and in pieces, into shared memory too`, async () => {
    const header = `{"all":{"dtype":"${dtype}","shape":[256,256],"data_offsets":[0,131072]}}`
    const source = (await openBytes(fileOf(header, patterns))).get('all')
    const expected = Float32Array.from({ length: 65536 }, (_, i) =>
      decodeFloat(i, exponentBits, fractionBits),
    )
    sameNumbers((await readTensor(source)).data, expected)
    const shared = new Float32Array(new SharedArrayBuffer(4 * 1000), 4, 777)
    await source.read(shared, 1003)
    sameNumbers(shared, expected.subarray(1003, 1003 + 777))
    await source.read(shared.subarray(0, 1), 65535)
    sameNumbers(shared.subarray(0, 1), Float32Array.of(NaN))
    assert.is(shared[1], expected[1004], 'the number behind the piece is left alone')
  })

reading('F32 from a file goes into shared memory', async () => {
  const store = await openSafetensors(await openFile(FIXTURE))
  const shared = new Float32Array(new SharedArrayBuffer(40), 8, 4)
  await store.get('f32').read(shared, 1)
  sameNumbers(shared, Float32Array.of(-2, 3, 2 ** -149, Infinity))
  await store.close()
})

reading('accepts metadata, rank 0, zero dimensions, padding, and names that objects have', async () => {
  const header = `{"__metadata__":{"__proto__":"p","a":""},"constructor":${entryJson('[]', '[0,4]')},
    "toString":${entryJson('[3,0]', '[4,4]')},"":${entryJson('[0]', '[0,0]')}}    `
  const store = await openBytes(fileOf(header, new Uint8Array(Float32Array.of(5).buffer)))
  assert.equal(store.names(), ['', 'constructor', 'toString'])
  sameNumbers((await readTensor(store.get('constructor'))).data, Float32Array.of(5))
  assert.equal((await readTensor(store.get('toString'))).shape, [3, 0])
  assert.is(store.metadata.get('__proto__'), 'p')
  assert.equal((await openBytes(fileOf('{}'))).names(), [])
})

reading('refuses to read what is not there', async () => {
  const store = await openSafetensors(await openFile(FIXTURE))
  const fails = async (work: () => unknown, message: string): Promise<void> => {
    const error = await errorOf(work)
    assert.instance(error, WeightsFileError)
    assert.ok(error.message.endsWith(message), error.message)
  }
  const f32 = store.get('f32')
  const into = (length: number): Float32Array => new Float32Array(length)
  await fails(() => f32.read(into(7), 0), 'tensor "f32" F32 [2, 3] holds 6 numbers, cannot read 7 from 0')
  await fails(() => f32.read(into(1), 6), 'holds 6 numbers, cannot read 1 from 6')
  await fails(() => f32.read(into(1), -1), 'holds 6 numbers, cannot read 1 from -1')
  await fails(() => f32.read(into(1), 0.5), 'holds 6 numbers, cannot read 1 from 0.5')
  await fails(() => f32.read(into(0), 0), 'holds 6 numbers, cannot read 0 from 0')
  await fails(() => store.get('empty').read(into(0), 1), 'holds 0 numbers, cannot read 0 from 1')
  await fails(() => store.get('nope'), 'no tensor "nope" among its 10: i64, empty, f32, größe ✓, scalar, ...')
  await fails(() => store.get('toString'), 'scalar, ...')
  await fails(async () => (await openBytes(encodeSafetensors([]))).get('x'), 'no tensor "x" among its 0: ')
  await fails(() => store.get('i64'), '"i64" I64 [2]: only F64, F32, F16 and BF16 can be read as float32')
  await fails(() => store.readIntegers('u8'), '"u8" U8 [2]: only I32 and I64 can be read as integers')
  await store.close()
  const wide = fileOf(
    '{"i":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}',
    new Uint8Array(BigInt64Array.of(2n ** 60n).buffer),
  )
  await fails(
    async () => (await openBytes(wide)).readIntegers('i'),
    '1152921504606846976 is beyond 2^53: a number cannot hold it exactly',
  )
})

reading.run()

const writing = suite('safetensors: writing')

writing('refuses names that are reserved, stand twice or are not Unicode', async () => {
  const tensor = Tensor.of([], [1])
  for (const name of ['__proto__', '__metadata__'])
    assert.match((await errorOf(() => encodeSafetensors([[name, tensor]]))).message, /is reserved/)
  const twice = await errorOf(() =>
    encodeSafetensors([
      ['a', tensor],
      ['a', tensor],
    ]),
  )
  assert.match(twice.message, /"a" is reserved or stands twice/)
  const half = await errorOf(() => encodeSafetensors([['\ud800', tensor]]))
  assert.match(half.message, /half of a surrogate pair/)
  assert.throws(() => encodeSafetensors([], new Map([['a', '\udc00']])), /half of a surrogate pair/)
})

writing('writes a view of a larger buffer, and shared memory', async () => {
  const shared = new Float32Array(new SharedArrayBuffer(16)).fill(3)
  const store = await openBytes(
    encodeSafetensors(new Map([['view', new Tensor([2], shared.subarray(1, 3))]])),
  )
  sameNumbers((await readTensor(store.get('view'))).data, Float32Array.of(3, 3))
})

const tensors = fc.uniqueArray(
  fc.tuple(
    fc.string({ unit: 'grapheme' }).filter((name) => name !== '__proto__' && name !== '__metadata__'),
    fc
      .array(fc.nat(4), { maxLength: 4 })
      .chain((shape) =>
        fc
          .float32Array({ minLength: sizeOf(shape), maxLength: sizeOf(shape) })
          .map((data) => new Tensor(shape, new Float32Array(data))),
      ),
  ),
  { maxLength: 5, selector: ([name]) => name },
)

writing('what is written is read again, whole and in pieces', () =>
  fc.assert(
    fc.asyncProperty(
      tensors,
      fc.dictionary(fc.string(), fc.string()),
      fc.double({ min: 0, max: 1, noNaN: true }),
      async (list, metadata, where) => {
        const bytes = encodeSafetensors(list, new Map(Object.entries(metadata)))
        const store = await openBytes(bytes)
        assert.is(new DataView(bytes.buffer).getUint32(0, true) % 8, 0, 'the data section is aligned')
        assert.equal([...store.metadata].sort(), Object.entries(metadata).sort())
        assert.equal([...store.names()].sort(), list.map(([name]) => name).sort())
        for (const [name, { shape, data }] of list) {
          const read = await readTensor(store.get(name))
          assert.equal(read.shape, shape)
          sameNumbers(read.data, data)
          if (data.length === 0) continue
          const start = Math.floor(where * (data.length - 1))
          const piece = new Float32Array(Math.ceil((1 - where) * (data.length - start)) || 1)
          await store.get(name).read(piece, start)
          sameNumbers(piece, data.subarray(start, start + piece.length))
        }
      },
    ),
    { seed: 4, numRuns: 500 },
  ),
)

writing.run()
