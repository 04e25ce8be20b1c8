// A shard's result as one Parquet file: complete and verified, or absent.
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { parquetReadObjects } from 'hyparquet'
import { ByteWriter, ParquetWriter, type ColumnSource } from 'hyparquet-writer'
import { UserError } from '../../lab/cli/user-error.ts'
import { writeAtomically } from '../../lab/cli/write-node.ts'
import { openParquet, type ParquetFile } from '../../lab/texts/parquet-node.ts'
import type { CorpusFault, Cursor } from './cut.ts'
import { asWords, decodeTally, type TallyBytes, type TallyRow } from './tally/codec.ts'
import type { Tally } from './tally/tally.ts'

/** Everything in a shard but its features. */
export interface ShardHead {
  /** The hash of the job that it belongs to. */
  readonly job: string
  readonly index: number
  readonly last: boolean
  /** Where the next shard begins. */
  readonly ends: Cursor
  readonly windows: number
  readonly tokens: number
  /** SHA-256 of its windows' ids. */
  readonly texts: string
  readonly faultCount: number
  readonly faults: readonly CorpusFault[]
  readonly labels: readonly string[]
  /** How many tokens have each label. */
  readonly labelTokens: readonly number[]
  /** Hashes of the sampled tokens, rising. */
  readonly sample: readonly number[]
  /** The windows on which SAEs may be measured, by rising hash. */
  readonly measured: readonly { readonly hash: number; readonly ids: readonly number[] }[]
}

/** The large parts of a head: read only when requested, so that an open shard takes only a few kilobytes. */
type Drawn = Pick<ShardHead, 'faults' | 'sample' | 'measured'>

export interface ShardFile {
  readonly head: Omit<ShardHead, keyof Drawn>
  drawn(): Promise<Drawn>
  /** The tallies of some features of a layer's SAE: those of a block of `BLOCK`. */
  block(layer: number, block: number): Promise<Tally[]>
  /** For each feature of a layer, its places in the shard's sample. */
  sampled(layer: number): Promise<(readonly [feature: number, places: readonly number[]])[]>
}

/** How many features are merged at once. */
export const BLOCK = 1024

const BYTES = ['histogram', 'labels', 'sampled', 'top', 'binned'] as const

const SCHEMA: ColumnSource[] = [
  { name: 'layer', data: [], type: 'INT32' },
  { name: 'feature', data: [], type: 'INT32' },
  { name: 'firings', data: [], type: 'INT32' },
  { name: 'sum', data: [], type: 'DOUBLE' },
  { name: 'sum_of_squares', data: [], type: 'DOUBLE' },
  { name: 'max', data: [], type: 'FLOAT' },
  ...['histogram', 'labels', 'sampled', 'top', 'binned'].map((name): ColumnSource => ({
    name,
    data: [],
    type: 'BYTE_ARRAY',
  })),
]

const FOOTER = 'clearbox-shard'

/** Gathers a shard's tallies, layer by layer and by rising feature, and writes them. */
export class ShardWriter {
  readonly #bytes = new ByteWriter(2 ** 25)
  readonly #writer: ParquetWriter
  /** [layer, block] of each row group. */
  readonly #groups: [number, number][] = []
  #waiting: { layer: number; block: number; rows: TallyRow[] } | undefined

  constructor() {
    const schema = [
      { name: 'root', num_children: SCHEMA.length },
      ...SCHEMA.map(({ name, type }) => ({
        name,
        type: type as 'INT32',
        repetition_type: 'REQUIRED' as const,
      })),
    ]
    this.#writer = new ParquetWriter({
      writer: this.#bytes,
      schema,
      codec: 'UNCOMPRESSED',
      statistics: false,
      kvMetadata: [],
    })
  }

  add(layer: number, row: TallyRow): void {
    const block = Math.floor(row.feature / BLOCK)
    if (this.#waiting?.layer !== layer || this.#waiting.block !== block) {
      this.#writeGroup()
      this.#waiting = { layer, block, rows: [] }
    }
    this.#waiting.rows.push(row)
  }

  #writeGroup(): void {
    if (!this.#waiting) return
    const { layer, block, rows } = this.#waiting
    const columns: Record<string, ColumnSource['data']> = {
      layer: Int32Array.from(rows, () => layer),
      feature: Int32Array.from(rows, ({ feature }) => feature),
      firings: Int32Array.from(rows, ({ firings }) => firings),
      sum: Float64Array.from(rows, ({ sum }) => sum),
      sum_of_squares: Float64Array.from(rows, ({ sumOfSquares }) => sumOfSquares),
      max: Float32Array.from(rows, ({ max }) => max),
      ...Object.fromEntries(BYTES.map((name) => [name, rows.map((row) => row[name])])),
    }
    const columnData = SCHEMA.map(({ name }) => ({ name, data: columns[name], ...PLAIN }))
    void this.#writer.write({ columnData, rowGroupSize: rows.length })
    this.#groups.push([layer, block])
    this.#waiting = undefined
  }

  /** Writes the file under a temporary name, then renames it. The footer has the head, and a hash of it and of everything before it. */
  async finish(path: string, head: ShardHead): Promise<void> {
    this.#writeGroup()
    const json = JSON.stringify({ head, groups: this.#groups })
    const length = this.#bytes.offset
    const sha256 = hashOf(this.#bytes.getBytes(), json)
    this.#writer.kvMetadata!.push({ key: FOOTER, value: JSON.stringify({ length, sha256, json }) })
    void this.#writer.finish()
    await writeAtomically(path, this.#bytes.getBytes())
  }
}

const PLAIN = { encoding: 'PLAIN', offsetIndex: false } as const

function hashOf(bytes: Uint8Array, json: string): string {
  return createHash('sha256').update(bytes).update(json).digest('hex')
}

/**
 * Opens a shard's file and checks that its bytes are those that were written.
 * @throws UserError if they are not, or if the file belongs to another job
 */
export async function openShard(path: string, job: string): Promise<ShardFile> {
  const bad = (what: string, cause?: unknown) =>
    new UserError(`${path}: ${what}: remove it and run the same command again`, { cause })
  let parquet: ParquetFile
  try {
    parquet = await openParquet(path)
  } catch (cause) {
    throw bad(`not a whole shard (${(cause as Error).message})`, cause)
  }
  const { key_value_metadata: pairs, ...metadata } = parquet.metadata
  const footer = pairs?.find(({ key }) => key === FOOTER)?.value
  if (footer === undefined) throw bad('not a shard')
  const { length, sha256, json } = JSON.parse(footer) as { length: number; sha256: string; json: string }
  const bytes = await readFile(path)
  if (hashOf(bytes.subarray(0, length), json) !== sha256)
    throw bad('its bytes are not those that were written')
  const { head: whole, groups } = JSON.parse(json) as { head: ShardHead; groups: [number, number][] }
  const { faults: _, sample: __, measured: ___, ...head } = whole
  if (head.job !== job) throw bad('it belongs to another job')
  const read = groupReader({ ...parquet, metadata }, groups)
  return {
    head,
    async drawn() {
      const { metadata } = await openParquet(path)
      const { value } = metadata.key_value_metadata!.find(({ key }) => key === FOOTER)!
      const { json } = JSON.parse(value!) as { json: string }
      return (JSON.parse(json) as { head: ShardHead }).head
    },
    async block(layer, block) {
      const rows = await read([layer, block])
      return rows.map(({ feature, firings, sum, sum_of_squares, max, ...bytes }) =>
        decodeTally({ feature, firings, sum, sumOfSquares: sum_of_squares, max, ...bytes }),
      )
    },
    async sampled(layer) {
      const ofLayer = groups.filter(([one]) => one === layer)
      const rows = await Promise.all(ofLayer.map((group) => read(group, ['feature', 'sampled'])))
      return rows.flat().map(({ feature, sampled }) => [feature, asWords(sampled)] as const)
    },
  }
}

type Row = TallyBytes & { feature: number; firings: number; sum: number; sum_of_squares: number; max: number }

/** Reads the rows of a row group, which is a layer's block of features. */
function groupReader(parquet: ParquetFile, groups: readonly (readonly [number, number])[]) {
  let end = 0
  const ranges = parquet.metadata.row_groups.map(({ num_rows }) => [end, (end += Number(num_rows))])
  return async ([layer, block]: readonly [number, number], columns?: string[]): Promise<Row[]> => {
    const index = groups.findIndex(([l, b]) => l === layer && b === block)
    if (index < 0) return []
    const [rowStart, rowEnd] = ranges[index]
    return parquetReadObjects({ ...parquet, columns, utf8: false, rowStart, rowEnd }) as Promise<Row[]>
  }
}
