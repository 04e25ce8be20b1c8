// Reads back what `npm run corpus --store` keeps of each firing: documents, with the means of their features.
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { parquetReadObjects, parquetScan } from 'hyparquet'
import type { SparseRows } from '../../../../engine/sparse.ts'
import { UserError } from '../../cli/user-error.ts'
import { openParquet, type ParquetFile } from '../../texts/parquet-node.ts'
import type { Manifest } from './corpus-format.ts'
import { layerIndex } from './corpus-node.ts'

/** A document's part in a shard, a row of documents/N.parquet. A document may be in several shards. */
export interface DocumentRow extends Record<string, unknown> {
  document: number
  file: string
  row: number
  label: string | null
  /** In this shard, without BOS. */
  tokens: number
}

/** --store's name for the firings; other names are those of hooks. */
export const FEATURES = 'features'

/** A file of the store: one for each shard, by its number. */
export function storeFile(
  folder: string,
  what: 'activations' | 'documents' | 'hooks',
  shard: number,
): string {
  const ending = what === 'hooks' ? 'safetensors' : 'parquet'
  return join(folder, what, `${String(shard).padStart(6, '0')}.${ending}`)
}

/** @throws UserError if the corpus was made without what is requested, or a shard's file is missing */
export function checkStored(folder: string, { store }: Manifest, what: string): { shards: number } {
  if (!store?.kept.includes(what)) {
    const kept = store?.kept.join(', ') ?? 'nothing'
    throw new UserError(
      `${folder}: it keeps ${kept} of each token, not ${what}: make a corpus with --store ${what}`,
    )
  }
  const { shards } = store
  for (const kind of what === FEATURES ? (['activations', 'documents'] as const) : (['hooks'] as const))
    for (let shard = 0; shard < shards; shard++) {
      const path = storeFile(folder, kind, shard)
      if (!existsSync(path))
        throw new UserError(
          `${path}: there is no such file, but the corpus has ${shards} shards: put it back, or make the corpus again`,
        )
    }
  return { shards }
}

/** Documents in their order, each with all its tokens. @throws UserError if the store is missing or incomplete */
export async function storedDocuments(folder: string, manifest: Manifest): Promise<DocumentRow[]> {
  const { shards } = checkStored(folder, manifest, FEATURES)
  const documents: DocumentRow[] = []
  for (let shard = 0; shard < shards; shard++)
    await reading(storeFile(folder, 'documents', shard), async (parquet) => {
      for (const row of (await parquetReadObjects({ ...parquet })) as DocumentRow[]) {
        const last = documents.at(-1)
        if (last?.document === row.document) last.tokens += row.tokens
        else documents.push({ ...row })
      }
    })
  return documents
}

/**
 * A layer's features, the mean over each document's tokens, as npm run analyse expects them: sums in float64, token by token.
 * -> sparse [documents, d_sae]
 * @throws UserError if the store is missing or incomplete, or has no such layer
 */
export async function storedMeans(
  folder: string,
  manifest: Manifest,
  layer: number,
  documents: readonly DocumentRow[],
): Promise<SparseRows> {
  const { shards } = checkStored(folder, manifest, FEATURES)
  const sae = layerIndex(folder, manifest, layer)
  const width = manifest.layers[sae].d_sae
  const rowOf = new Map(documents.map(({ document }, row) => [document, row]))
  const means = new MeanRows(width, documents)
  for (let shard = 0; shard < shards; shard++)
    await reading(storeFile(folder, 'activations', shard), async (parquet) => {
      const scan = await parquetScan(parquet)
      let rowEnd = 0
      for (const { num_rows } of parquet.metadata.row_groups) {
        const range = { rowStart: rowEnd, rowEnd: (rowEnd += Number(num_rows)) }
        const read = (column: string) => scan.readColumn({ column, ...range }) as Promise<ArrayLike<number>>
        if ((await read('sae'))[0] !== sae) continue // a row group belongs to one SAE
        const [document, feature, activation] = [
          await read('document'),
          await read('feature'),
          await read('activation'),
        ]
        for (let i = 0; i < document.length; i++)
          means.add(rowOf.get(document[i])!, feature[i], activation[i])
      }
    })
  return means.take()
}

/** Sums of a document's features, until the next document begins. */
class MeanRows {
  readonly #documents: readonly DocumentRow[]
  readonly #sums: Float64Array // [width]
  readonly #offsets: Uint32Array
  readonly #indices: number[] = []
  readonly #values: number[] = []
  #touched: number[] = []
  #row = 0

  constructor(width: number, documents: readonly DocumentRow[]) {
    this.#documents = documents
    this.#sums = new Float64Array(width)
    this.#offsets = new Uint32Array(documents.length + 1)
  }

  /** Rows rise. */
  add(row: number, feature: number, activation: number): void {
    while (this.#row < row) this.#end()
    if (this.#sums[feature] === 0) this.#touched.push(feature)
    this.#sums[feature] += activation
  }

  #end(): void {
    const { tokens } = this.#documents[this.#row]
    for (const feature of this.#touched.sort((a, b) => a - b)) {
      this.#indices.push(feature)
      this.#values.push(this.#sums[feature] / tokens)
      this.#sums[feature] = 0
    }
    this.#touched = []
    this.#offsets[++this.#row] = this.#indices.length
  }

  take(): SparseRows {
    while (this.#row < this.#documents.length) this.#end()
    return {
      shape: [this.#documents.length, this.#sums.length],
      offsets: this.#offsets,
      indices: Uint32Array.from(this.#indices),
      values: Float32Array.from(this.#values),
    }
  }
}

async function reading(path: string, work: (parquet: ParquetFile) => Promise<void>): Promise<void> {
  try {
    await work(await openParquet(path))
  } catch (cause) {
    const { message } = cause as Error
    const how = 'put back what npm run corpus wrote, or make the corpus again'
    throw new UserError(`${path}: not a whole Parquet file (${message}): ${how}`, { cause })
  }
}
