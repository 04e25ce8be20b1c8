// Files of torch and pickle: the numbers that torch put there, nothing run, and no damage that is not refused.
import fc from 'fast-check'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import type { PickledName } from '../../engine/weights/pickle.ts'
import { pickledFields, PickledRecord, unpickle } from '../../engine/weights/pickle.ts'
import { openStateDict, openTorchFile } from '../../engine/weights/torch-file-node.ts'
import { stateDictStore, TorchTensor } from '../../engine/weights/torch-tensors.ts'
import { readTensor, WeightsFileError } from '../../engine/weights/weights.ts'
import { errorOf } from '../fixtures/safetensors.ts'
import { holds } from '../helpers/random.ts'

const FIXTURE = join(import.meta.dirname, '../reference/torch-files')
const LAYOUTS = ['zip.pt', 'legacy.pt', 'plain.pkl', 'plain-2.pkl', 'plain.pkl.gz', 'zip.pt.gz']
const expected = JSON.parse(readFileSync(join(FIXTURE, 'expected.json'), 'utf8')) as Record<
  string,
  { shape: number[]; values: number[] }
>
const scratch = mkdtempSync(join(tmpdir(), 'torch-'))
const written = (bytes: Uint8Array | string, name = 'file'): string => {
  const path = join(scratch, name)
  writeFileSync(path, bytes)
  return path
}

const test = suite('torch files')
test.after(() => rmSync(scratch, { recursive: true }))

for (const layout of LAYOUTS)
  test(`${layout}: every tensor, whatever its type, strides and storage`, async () => {
    const file = await openTorchFile(join(FIXTURE, layout))
    const { state_dict: dict } = Object.fromEntries(pickledFields(file.value)!)
    const store = stateDictStore(layout, dict)
    assert.equal(store.names(), [...Object.keys(expected), 'mask', 'counts'])
    for (const [name, { shape, values }] of Object.entries(expected)) {
      const tensor = await readTensor(store.get(name))
      assert.equal(tensor.shape, shape, name)
      assert.equal(tensor.data, Float32Array.from(values), name)
    }
    assert.is(store.get('double').storedAs, 'F64')
    assert.throws(() => store.get('mask'), /tensor "mask" BOOL \[2, 2\]: only F64, F32, F16 and BF16/)
    assert.throws(() => store.get('counts'), /"counts" I64/)
    assert.throws(() => store.get('nothing'), /no tensor "nothing" among its 13/)
    await file.close()
  })

test('a view is read from any element on', async () => {
  const file = await openTorchFile(join(FIXTURE, 'zip.pt'))
  const store = stateDictStore('file', pickledFields(file.value)!.get('state_dict'))
  for (const name of ['whole', 'transposed', 'corner', 'cube'])
    for (let start = 0; start < expected[name].values.length; start++) {
      const rest = new Float32Array(expected[name].values.length - start)
      await store.get(name).read(rest, start)
      assert.equal(rest, Float32Array.from(expected[name].values.slice(start)))
    }
  assert.match(
    (await errorOf(() => store.get('cube').read(new Float32Array(2), 23))).message,
    /cannot read 2 numbers from 23/,
  )
  await file.close()
})

test('an object of an unknown class is an inert record of its fields', async () => {
  for (const layout of LAYOUTS) {
    const file = await openTorchFile(join(FIXTURE, layout))
    const cfg = pickledFields(file.value)!.get('cfg')
    assert.instance(cfg, PickledRecord)
    const fields = Object.fromEntries(pickledFields(cfg)!)
    const { dtype, ...others } = fields
    assert.equal(others, {
      hook_point: 'blocks.8.ln2.hook_normalized',
      d_in: 6,
      expansion: 4,
      big: 2n ** 70n,
      small: -(2 ** 40),
      use_ghost_grads: false,
      nothing: null,
      layers: [1, 2, 3],
    })
    assert.is((dtype as PickledName).name, 'torch.float32')
    await file.close()
  }
})

const text = (string: string): number[] => [...new TextEncoder().encode(string)]
const pickleOf = (...parts: (number | string | number[])[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => (typeof part === 'string' ? text(part) : part)))

test('what would run a command is a record', () => {
  const { value } = unpickle(
    'file',
    pickleOf(0x80, 2, 'cos\nsystem\n', 'X', [4, 0, 0, 0], 'rm x', 0x85, 'R.'),
  )
  assert.instance(value, PickledRecord)
  assert.equal([(value as PickledRecord).name, (value as PickledRecord).args], ['os.system', ['rm x']])
})

test('a pickle that shares and contains itself takes no more than its length', () => {
  // a list of two of the list before it, sixty times: 2^60 elements, were it walked
  const doubled = Array.from({ length: 60 }, () => [
    0x71,
    1,
    ...text(']('),
    0x68,
    1,
    0x68,
    1,
    ...text('e'),
  ]).flat()
  assert.ok(Array.isArray(unpickle('file', pickleOf(0x80, 2, ']', doubled, '.')).value))
  const own = unpickle('file', pickleOf(0x80, 2, ']', 0x71, 0, 0x68, 0, 'a.')).value as unknown[]
  assert.is(own[0], own)
})

const faults: [what: string, bytes: Uint8Array, message: RegExp][] = [
  ['an unknown opcode', pickleOf(0x80, 2, 'i.'), /pickle: opcode 0x69 at byte 2 is not one that data needs/],
  ['the end missing', pickleOf(0x80, 2, 'N'), /pickle: expected 1 bytes at 3, found 0: was it cut off\?/],
  [
    'a text beyond the end',
    pickleOf(0x80, 2, 'X', [255, 255, 255, 127], '.'),
    /expected 2147483647 bytes at 7, found 1/,
  ],
  ['an empty stack', pickleOf(0x80, 2, '0.'), /its stack holds less than it needs/],
  ['no mark', pickleOf(0x80, 2, 't.'), /its stack holds no mark/],
  ['a value before it is there', pickleOf(0x80, 2, 0x68, 9, '.'), /value 9 is used before it is there/],
  [
    'a huge integer',
    pickleOf(0x80, 2, 0x8b, [0, 1, 0, 0], '.'),
    /an integer of 256 bytes, expected at most 64/,
  ],
  ['a call of a number', pickleOf(0x80, 2, 'K', 1, ')R.'), /calls what is no name/],
  ['items of a list', pickleOf(0x80, 2, ']NNs.'), /sets items of what is no dict/],
  [
    'a class named by a number',
    pickleOf(0x80, 4, 'K', 1, 'K', 1, 0x93, '.'),
    /names a class by what is no text/,
  ],
  ['data outside', pickleOf(0x80, 2, 'NQ.'), /refers to data outside itself/],
  [
    'a Git LFS pointer',
    pickleOf('version https://git-lfs.github.com/spec/v1'),
    /found a Git LFS pointer to them: run "git lfs pull"/,
  ],
  [
    'HTML',
    pickleOf('<html>'),
    /expected a file of torch\.save or a pickle, found neither: its first byte is 60/,
  ],
  ['nothing', pickleOf(), /its first byte is missing/],
  [
    'a zip of something else',
    readFileSync(join(FIXTURE, 'zip.pt')).subarray(0, 200),
    /end of central directory/i,
  ],
  ['gzip of gzip', gzipSync(gzipSync('x')), /compressed twice/],
  ['gzip cut off', gzipSync('x'.repeat(99)).subarray(0, 20), /gzip: .*: was the download cut off\?/],
  ['a gzip bomb', gzipSync(new Uint8Array(2 ** 22)), /expected at most \d+ bytes in it, found more/],
]
for (const [what, bytes, message] of faults)
  test(`${what} is refused`, async () => {
    const path = written(bytes)
    const error = await errorOf(() => openTorchFile(path))
    assert.instance(error, WeightsFileError)
    assert.match(error.message, message)
    assert.ok(error.message.startsWith(path), error.message)
  })

test('a storage that is shorter than its tensors claim is refused, before it is read', async () => {
  const legacy = readFileSync(join(FIXTURE, 'legacy.pt'))
  assert.match(
    (await errorOf(() => openTorchFile(written(legacy.subarray(0, -40))))).message,
    /short file: a storage ends at byte/,
  )
  const source = { label: 'file', size: 8, read: async () => {}, close: async () => {} }
  const storage = { source, dtype: 'F32', count: 6, begin: 0 } as const
  for (const [offset, shape, strides] of [
    [0, [7], [1]],
    [1, [6], [1]],
    [0, [2, 3], [4, 1]],
    [0, [1000, 1000], [0, 0]],
    [-1, [1], [1]],
    [0, [2], [1, 1]],
    [0, [2 ** 40, 2 ** 40], [1, 1]],
    [0, [1.5], [1]],
  ])
    assert.throws(
      () => new TorchTensor(storage, offset, shape, strides),
      /does not lie within its storage|whole numbers/,
    )
  assert.ok(new TorchTensor(storage, 0, [2, 3], [3, 1]))
})

test('a state dict that is none is refused', async () => {
  assert.match(
    (await errorOf(() => openStateDict(written(pickleOf(0x80, 2, 'N.'))))).message,
    /expected a dict of tensors by name/,
  )
})

/** Opens and reads everything; anything but a WeightsFileError is a crash. */
async function readAll(bytes: Uint8Array): Promise<void> {
  try {
    const file = await openTorchFile(written(bytes, 'fuzzed'), 2 ** 20)
    try {
      const dict = pickledFields(file.value)?.get('state_dict')
      if (!(dict instanceof Map)) return
      const store = stateDictStore('fuzzed', dict)
      for (const name of store.names()) await readTensor(store.get(name))
    } finally {
      await file.close()
    }
  } catch (error) {
    if (!(error instanceof WeightsFileError)) throw error
  }
}

for (const layout of ['zip.pt', 'legacy.pt', 'plain.pkl'])
  test(`${layout} with some bytes changed or cut is read or refused, and never crashes`, async () => {
    const original = readFileSync(join(FIXTURE, layout))
    const edit = fc.tuple(fc.nat(original.length - 1), fc.nat(255))
    await holds(
      [fc.array(edit, { minLength: 1, maxLength: 4 }), fc.option(fc.nat(original.length))],
      async (edits, end) => {
        const bytes = Uint8Array.from(original)
        for (const [at, byte] of edits) bytes[at] = byte
        await readAll(end === null ? bytes : bytes.subarray(0, end))
      },
      250,
    )
  })

test('any opcodes in any order are read or refused', async () => {
  const known = fc.constantFrom(...text('(.012JKMN\x88\x89GXBCTU]}ae)tsucRbQqrhj'), 0x80, 0x8a, 0x85, 0x86, 0x87, 0x81, 0x93, 0x8f, 0x90, 0x91, 0x92, 0x94) // prettier-ignore
  const any = fc.array(fc.oneof({ weight: 8, arbitrary: known }, fc.nat(3), fc.nat(255)), { maxLength: 60 })
  await holds([any], async (codes) => readAll(pickleOf(0x80, 2, codes)), 1500)
})

test.run()
