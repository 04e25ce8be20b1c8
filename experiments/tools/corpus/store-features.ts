// A shard's firings as Parquet, on request: a row for each feature that fires on a token, and one for each document.
import { ByteWriter, ParquetWriter } from 'hyparquet-writer'
import type { SparseRows } from '../../../engine/sparse.ts'
import { storeFile, type DocumentRow } from '../../lab/analysis/corpus/store-node.ts'
import { writeAtomically } from '../../lab/cli/write-node.ts'
import type { CorpusWindow } from './cut.ts'
import { TableWriter } from './result/table.ts'
import type { ShardTokens } from './tally/tokens.ts'

const COLUMNS = ['sae', 'document', 'position', 'token', 'feature'] as const
/** How many rows are made at once. */
const ROWS = 2 ** 18

/**
 * Columns: `sae` (its number among the manifest's), `document`, `position` (the document's first token is 1), `token` (its
 * id), `feature`, `activation`. Rows are sorted by SAE, then token, then feature.
 */
export async function storeFeatures(
  folder: string,
  shard: number,
  { windows, window, place }: ShardTokens,
  features: readonly SparseRows[],
): Promise<void> {
  const bytes = new ByteWriter(2 ** 20)
  const schema = [
    { name: 'root', num_children: COLUMNS.length + 1 },
    ...COLUMNS.map((name) => ({ name, type: 'INT32' as const, repetition_type: 'REQUIRED' as const })),
    { name: 'activation', type: 'FLOAT' as const, repetition_type: 'REQUIRED' as const },
  ]
  const writer = new ParquetWriter({ writer: bytes, schema })
  for (const [sae, { offsets, indices, values }] of features.entries())
    for (let first = 0, token = 0; first < values.length; first += ROWS) {
      const end = Math.min(first + ROWS, values.length)
      const rows = Object.fromEntries(COLUMNS.map((name) => [name, new Int32Array(end - first)]))
      for (let entry = first; entry < end; entry++) {
        while (offsets[token + 1] <= entry) token++
        const { document, from, ids } = windows[window[token]]
        rows.sae[entry - first] = sae
        rows.document[entry - first] = document
        rows.position[entry - first] = from + place[token] - 1
        rows.token[entry - first] = ids[place[token]]
        rows.feature[entry - first] = indices[entry]
      }
      const columnData = [
        ...COLUMNS.map((name) => ({ name, data: rows[name] })),
        { name: 'activation', data: values.slice(first, end) },
      ]
      void writer.write({ columnData, rowGroupSize: ROWS })
    }
  void writer.finish()
  await writeAtomically(storeFile(folder, 'activations', shard), bytes.getBytes())
}

/** A row for each document that has tokens in the shard. files: the names of all files of the corpus */
export async function storeDocuments(
  folder: string,
  shard: number,
  windows: readonly CorpusWindow[],
  files: readonly string[],
): Promise<void> {
  const table = await TableWriter.open<DocumentRow>(storeFile(folder, 'documents', shard), {
    ...{ document: 'INT32', file: 'STRING', row: 'INT32', label: 'STRING', tokens: 'INT32' },
  })
  for (const [document, own] of Map.groupBy(windows, (window) => window.document)) {
    const [{ file, row, label = null }] = own
    const tokens = own.reduce((sum, { ids }) => sum + ids.length - 1, 0)
    table.add({ document, file: files[file], row, label, tokens })
  }
  await table.finish()
  await table.publish()
}
