// What torch.save writes, as its pickle describes it: tensors are views of storages, whose numbers are not read yet.
import { memorySource, type ByteSource } from './bytes.ts'
import { floatSource } from './float-source.ts'
import { cut, show } from './json.ts'
import { unpickle, type PickleMeaning, PickledName } from './pickle.ts'
import { BYTES, type Dtype } from './safetensors-header.ts'
import { showShape, sizeOf, type Shape } from '../tensor.ts'
import { WeightsFileError, type WeightSource, type WeightStore } from './weights.ts'

/** Numbers of one type, one after the other, in a file or in memory. */
export interface TorchStorage {
  readonly source: ByteSource
  readonly dtype: Dtype
  readonly count: number
  /** The first one's byte in `source`. */
  readonly begin: number
}

const STORAGES: Readonly<Record<string, Dtype>> = {
  'torch.DoubleStorage': 'F64',
  'torch.FloatStorage': 'F32',
  'torch.HalfStorage': 'F16',
  'torch.BFloat16Storage': 'BF16',
  'torch.LongStorage': 'I64',
  'torch.IntStorage': 'I32',
  'torch.ShortStorage': 'I16',
  'torch.CharStorage': 'I8',
  'torch.ByteStorage': 'U8',
  'torch.BoolStorage': 'BOOL',
}

/** A tensor of torch's: a view of a storage. */
export class TorchTensor {
  readonly dtype: Dtype
  readonly shape: Shape
  readonly #storage: TorchStorage
  readonly #offset: number
  readonly #strides: readonly number[]

  /** @throws unless every element lies within the storage, and no more elements are claimed than it has */
  constructor(storage: TorchStorage, offset: unknown, shape: unknown, strides: unknown) {
    const { label } = storage.source
    if (!isCount(offset) || !isCounts(shape) || !isCounts(strides) || shape.length !== strides.length)
      throw new WeightsFileError(`${label}: a tensor's offset, shape or strides are no whole numbers from 0`)
    const size = shape.reduce((product, dimension) => product * dimension, 1)
    const last = shape.reduce((sum, dimension, i) => sum + (dimension - 1) * strides[i], offset)
    if (!(size <= storage.count && (size === 0 || last < storage.count)))
      throw new WeightsFileError(
        `${label}: a tensor ${cut(showShape(shape))} with strides ${cut(showShape(strides))} from ${offset} ` +
          `does not lie within its storage of ${storage.count} numbers`,
      )
    this.dtype = storage.dtype
    this.shape = shape
    this.#storage = storage
    this.#offset = offset
    this.#strides = strides
  }

  /**
   * As float32, row-major. A view that is not (a transposed one, say) has its storage's part read whole, and kept for later reads.
   * @throws WeightsFileError if it holds no F64, F32, F16 or BF16
   */
  source(name: string): WeightSource {
    const { shape, dtype } = this
    const [{ source, begin }, strides] = [this.#storage, this.#strides]
    const first = begin + BYTES[dtype] * this.#offset
    if (this.#isRowMajor()) return floatSource(source, name, { dtype, shape, begin: first })
    const span = 1 + shape.reduce((sum, dimension, i) => sum + (dimension - 1) * strides[i], 0)
    const all = floatSource(source, name, { dtype, shape: [span], begin: first })
    let kept: Promise<Float32Array> | undefined
    const readAll = async () => {
      const numbers = new Float32Array(span)
      await all.read(numbers, 0)
      return numbers
    }
    return {
      ...all,
      shape,
      async read(into, start) {
        if (start < 0 || start + into.length > sizeOf(shape))
          throw new WeightsFileError(
            `${source.label}: tensor ${show(name)} ${showShape(shape)}: cannot read ${into.length} numbers from ${start}`,
          )
        gather(await (kept ??= readAll()), shape, strides, start, into)
      },
    }
  }

  #isRowMajor(): boolean {
    let expected = 1
    for (let i = this.shape.length - 1; i >= 0; i--) {
      if (this.shape[i] !== 1 && this.#strides[i] !== expected) return sizeOf(this.shape) === 0
      expected *= this.shape[i]
    }
    return true
  }
}

/** into = elements `start` and on, in row-major order, of a view of `numbers`. */
function gather(
  numbers: Float32Array,
  shape: Shape,
  strides: readonly number[],
  start: number,
  into: Float32Array,
): void {
  for (let i = 0; i < into.length; i++) {
    let [at, rest] = [0, start + i]
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      at += (rest % shape[axis]) * strides[axis]
      rest = Math.floor(rest / shape[axis])
    }
    into[i] = numbers[at]
  }
}

const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isCounts = (value: unknown): value is number[] => Array.isArray(value) && value.every(isCount)

/** What a persistent id says of a storage: ('storage', its class, key, device, how many numbers). */
interface StorageId {
  readonly dtype: Dtype
  readonly key: string
  readonly count: number
}

function storageId(label: string, id: unknown): StorageId {
  const [what, type, key, , count, view] = Array.isArray(id) ? (id as unknown[]) : []
  const name = type instanceof PickledName ? type.name : 'no class'
  if (what !== 'storage' || typeof key !== 'string' || !isCount(count) || (view ?? null) !== null)
    throw new WeightsFileError(`${label}: refers to data in another way than torch.save does`)
  if (!Object.hasOwn(STORAGES, name))
    throw new WeightsFileError(
      `${label}: a storage of ${show(name)}, expected one of ${Object.keys(STORAGES).join(', ')}: save it as one of these`,
    )
  return { dtype: STORAGES[name], key, count }
}

/** What torch's own functions make, of those that a file of tensors needs; every other call stays an inert record. */
function callOf(label: string, nested: boolean): NonNullable<PickleMeaning['call']> {
  return (name, args) => {
    if (name === 'torch._utils._rebuild_tensor_v2') {
      const [storage, offset, shape, strides] = args
      if (isStorage(storage)) return new TorchTensor(storage, offset, shape, strides)
      throw new WeightsFileError(`${label}: a tensor without a storage`)
    }
    if (name === 'torch._utils._rebuild_parameter' || name === 'torch._utils._rebuild_parameter_with_state')
      return args[0]
    if (name === 'torch.storage._load_from_bytes' && nested && args[0] instanceof Uint8Array)
      return parseLegacy(memorySource(label, args[0]), args[0], false).value
    return undefined
  }
}

function isStorage(value: unknown): value is TorchStorage {
  return typeof value === 'object' && value !== null && 'count' in value && 'begin' in value
}

/** The pickle of a zip file, whose storages are entries of their own. `entry`: where one's bytes are. */
export function parseZipPickle(
  source: ByteSource,
  pickle: Uint8Array,
  entry: (key: string) => { readonly begin: number; readonly size: number } | undefined,
): unknown {
  const { label } = source
  const storages = new Map<string, TorchStorage>()
  const persistent = (id: unknown) => {
    const { dtype, key, count } = storageId(label, id)
    const found = entry(key)
    if (found?.size !== count * BYTES[dtype])
      throw new WeightsFileError(
        `${label}: storage ${show(key)} has ${count} ${dtype} numbers, expected an entry of ${count * BYTES[dtype]} bytes, found ${found ? `one of ${found.size}` : 'none'}`,
      )
    const storage = storages.get(`${key} ${dtype}`) ?? { source, dtype, count, begin: found.begin }
    storages.set(`${key} ${dtype}`, storage)
    return storage
  }
  return unpickle(label, pickle, { call: callOf(label, false), persistent }).value
}

/** A pickle whose tensors, if any, carry their numbers in themselves. */
export function parsePlainPickle(source: ByteSource, bytes: Uint8Array): unknown {
  return unpickle(source.label, bytes, { call: callOf(source.label, true) }).value
}

/** torch.save before 1.6 begins with this number, as a pickle. */
const MAGIC = 0x1950a86a20f9469cfc6cn

export function isLegacy(head: Uint8Array): boolean {
  try {
    return unpickle('', head).value === MAGIC
  } catch {
    return false
  }
}

/**
 * A file of torch before 1.6: pickles of the magic number, a version, facts of the machine, the value and the storages' keys;
 * then each storage, its count in 8 bytes and its numbers.
 * @param head the file's beginning, all pickles of it
 */
export function parseLegacy(
  source: ByteSource,
  head: Uint8Array,
  nested: boolean,
): { value: unknown; storages: readonly TorchStorage[] } {
  const { label } = source
  let at = 0
  const next = (meaning?: PickleMeaning): unknown => {
    const { value, end } = unpickle(label, head.subarray(at), meaning)
    at += end
    return value
  }
  if (next() !== MAGIC || next() !== 1001)
    throw new WeightsFileError(`${label}: expected what torch.save writes, found another pickle`)
  const machine = next()
  if (machine instanceof Map && machine.get('little_endian') === false)
    throw new WeightsFileError(`${label}: its numbers are big-endian: save it on another machine`)
  const storages = new Map<string, TorchStorage & { begin: number }>()
  const persistent = (id: unknown) => {
    const { dtype, key, count } = storageId(label, id)
    const storage = storages.get(key) ?? { source, dtype, count, begin: NaN }
    if (storage.dtype !== dtype || storage.count !== count)
      throw new WeightsFileError(`${label}: storage ${show(key)} is said to be of two kinds`)
    storages.set(key, storage)
    return storage
  }
  const value = next({ call: callOf(label, nested), persistent })
  const keys = next()
  if (!Array.isArray(keys) || keys.length !== storages.size)
    throw new WeightsFileError(`${label}: expected the keys of ${storages.size} storages after the value`)
  for (const key of keys as unknown[]) {
    const storage = typeof key === 'string' ? storages.get(key) : undefined
    if (!storage) throw new WeightsFileError(`${label}: a storage that no tensor names`)
    storage.begin = at + 8
    at = storage.begin + storage.count * BYTES[storage.dtype]
    if (!(at <= source.size))
      throw new WeightsFileError(
        `${label}: short file: a storage ends at byte ${at}, but the file has ${source.size}: was the download cut off?`,
      )
  }
  return { value, storages: [...storages.values()] }
}

/**
 * The tensors of a state dict, by name; other entries are left out.
 * @throws if `dict` is not a dict
 */
export function stateDictStore(label: string, dict: unknown): WeightStore {
  if (!(dict instanceof Map))
    throw new WeightsFileError(
      `${label}: expected a dict of tensors by name (a state dict), found something else`,
    )
  const tensors = new Map<string, TorchTensor>()
  for (const [name, tensor] of dict)
    if (typeof name === 'string' && tensor instanceof TorchTensor) tensors.set(name, tensor)
  return {
    label,
    names: () => [...tensors.keys()],
    get(name) {
      const tensor = tensors.get(name)
      if (tensor) return tensor.source(name)
      throw new WeightsFileError(`${label}: no tensor ${show(name)} among its ${tensors.size}`)
    },
    close: async () => {},
  }
}
