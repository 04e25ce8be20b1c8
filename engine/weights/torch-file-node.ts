// Files written by torch.save or pickle: .pt, .pth, .bin, .pkl, and the same compressed with gzip.
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { fromBufferPromise, openPromise, type Entry, type ZipFile } from 'yauzl'
import { memorySource, type ByteSource } from './bytes.ts'
import { openFile } from './files-node.ts'
import { requireLittleEndian } from './float-source.ts'
import { isLegacy, parseLegacy, parsePlainPickle, parseZipPickle, stateDictStore } from './torch-tensors.ts'
import { WeightsFileError, type WeightStore } from './weights.ts'

/** What a file of torch.save or pickle holds. */
export interface TorchFile {
  readonly label: string
  /** Values as `unpickle` makes them; tensors are TorchTensors, which read the file when their numbers are asked for. */
  readonly value: unknown
  close(): Promise<void>
}

/** In bytes: pickles name tensors, they hold none of their numbers. */
const LARGEST_PICKLE = 2 ** 26
/** In bytes: a file that holds its numbers in the pickle itself is read whole. */
const LARGEST_WHOLE = 2 ** 32
/** Floats hardly shrink: what gzip makes this many times smaller is no file of weights. */
const LARGEST_EXPANSION = 100

/**
 * Opens what torch.save has written (a zip file, or the pickles of versions before 1.6), or a plain pickle that holds tensors;
 * each may be compressed with gzip. Nothing that the file names is imported or called. What a storage or a compressed file
 * claims to hold is compared with the bytes that are there before anything of that size is allocated.
 *
 *     const file = await openTorchFile('sae.pt')
 *     const { cfg, state_dict } = Object.fromEntries(pickledFields(file.value)!)
 *     const weights = stateDictStore(file.label, state_dict)
 *
 * @param limit bytes that a gzip file may become, and that a plain pickle may have
 * @throws WeightsFileError naming the file and what is wrong
 */
export async function openTorchFile(path: string, limit = LARGEST_WHOLE): Promise<TorchFile> {
  requireLittleEndian()
  const source = await openFile(path)
  try {
    const value = await readValue(source, limit, (label) => openPromise(label, zipOptions))
    return { label: path, value, close: () => source.close() }
  } catch (error) {
    await source.close()
    if (error instanceof WeightsFileError) throw error
    throw new WeightsFileError(`${path}: ${(error as Error).message}`, { cause: error })
  }
}

/** The tensors of a file that holds nothing but a state dict, as pytorch_model.bin does. Closing the store closes the file. */
export async function openStateDict(path: string): Promise<WeightStore> {
  const file = await openTorchFile(path)
  try {
    return { ...stateDictStore(path, file.value), close: () => file.close() }
  } catch (error) {
    await file.close()
    throw error
  }
}

const zipOptions = { lazyEntries: true, autoClose: false } as const

async function readValue(
  source: ByteSource,
  limit: number,
  openZip: (label: string) => Promise<ZipFile>,
): Promise<unknown> {
  const { label, size } = source
  const start = await readStart(source, 32)
  if (new TextDecoder().decode(start).startsWith('version https://git-lfs'))
    throw new WeightsFileError(
      `${label}: expected weights, found a Git LFS pointer to them: run "git lfs pull"`,
    )
  if (start[0] === 0x50 && start[1] === 0x4b) return readZip(source, await openZip(label))
  if (start[0] === 0x1f && start[1] === 0x8b) return readCompressed(source, limit)
  if (isLegacy(start)) {
    const { value, storages } = parseLegacy(source, await readStart(source, LARGEST_PICKLE), true)
    for (const { begin, count } of storages) {
      const stated = new Uint8Array(8)
      await source.read(stated, begin - 8)
      if (new DataView(stated.buffer).getBigInt64(0, true) !== BigInt(count))
        throw new WeightsFileError(
          `${label}: a storage at byte ${begin} has another number of elements than its pickle says`,
        )
    }
    return value
  }
  if (start[0] !== 0x80)
    throw new WeightsFileError(
      `${label}: expected a file of torch.save or a pickle, found neither: its first byte is ${start[0] ?? 'missing'}`,
    )
  if (size > limit)
    throw new WeightsFileError(
      `${label}: a pickle of ${size} bytes, expected at most ${limit}: save its tensors with torch.save`,
    )
  return parsePlainPickle(source, await readStart(source, size))
}

async function readStart(source: ByteSource, most: number): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(Math.min(most, source.size))
  await source.read(bytes, 0)
  return bytes
}

async function readCompressed(source: ByteSource, limit: number): Promise<unknown> {
  const { label, size } = source
  const most = Math.min(limit, LARGEST_EXPANSION * size)
  if (size > limit) throw new WeightsFileError(`${label}: ${size} bytes, expected at most ${limit}`)
  const compressed = await readStart(source, size)
  const bytes = await promisify(gunzip)(compressed, { maxOutputLength: most }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ERR_BUFFER_TOO_LARGE')
        throw new WeightsFileError(
          `${label}: expected at most ${most} bytes in it, found more: no file of weights?`,
        )
      throw new WeightsFileError(`${label}: gzip: ${error.message}: was the download cut off?`)
    },
  )
  if (bytes[0] === 0x1f && bytes[1] === 0x8b)
    throw new WeightsFileError(`${label}: compressed twice: decompress it once`)
  return readValue(memorySource(label, bytes), limit, () => fromBufferPromise(bytes, zipOptions))
}

/** Torch's zip files: FOLDER/data.pkl, FOLDER/data/KEY a storage, all of them as they are, not compressed. */
async function readZip(source: ByteSource, zip: ZipFile): Promise<unknown> {
  const { label } = source
  try {
    const entries = new Map<string, { begin: number; size: number }>()
    let total = 0
    for await (const entry of zip.eachEntry()) {
      const name = entry.fileName.slice(entry.fileName.indexOf('/') + 1)
      if (entries.has(name)) throw new WeightsFileError(`${label}: two entries are named ${name}`)
      entries.set(name, await placeOf(label, zip, entry))
      total += entry.uncompressedSize
    }
    if (total > source.size)
      throw new WeightsFileError(
        `${label}: its entries claim ${total} bytes, but the file has ${source.size}: they overlap`,
      )
    const read = async (name: string) => {
      const entry = entries.get(name)
      if (entry && entry.size > LARGEST_PICKLE)
        throw new WeightsFileError(
          `${label}: ${name} has ${entry.size} bytes, expected at most ${LARGEST_PICKLE}`,
        )
      const bytes = entry && new Uint8Array(entry.size)
      if (bytes) await source.read(bytes, entry.begin)
      return bytes
    }
    const order = await read('byteorder')
    if (order && new TextDecoder().decode(order) !== 'little')
      throw new WeightsFileError(`${label}: its numbers are not little-endian: save it on another machine`)
    const pickle = await read('data.pkl')
    if (!pickle)
      throw new WeightsFileError(`${label}: a zip file without data.pkl: torch.save has not written it`)
    return parseZipPickle(source, pickle, (key) => entries.get(`data/${key}`))
  } finally {
    zip.close()
  }
}

async function placeOf(label: string, zip: ZipFile, entry: Entry): Promise<{ begin: number; size: number }> {
  if (entry.compressionMethod !== 0 || entry.compressedSize !== entry.uncompressedSize)
    throw new WeightsFileError(
      `${label}: ${entry.fileName} is compressed, which torch.save does not do: save it again with torch`,
    )
  const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true })
  return { begin: fileDataStart, size: entry.uncompressedSize }
}
