// A shard's activations as Parquet, for those who ask: a row for each feature that fires on a token.
import { join } from 'node:path'
import { ByteWriter, ParquetWriter } from 'hyparquet-writer'
import type { SparseRows } from '../../../engine/sparse.ts'
import { writeAtomically } from '../../lab/cli/write-node.ts'
import type { ShardTokens } from './tally/tokens.ts'

export const storePath = (folder: string, index: number): string =>
  join(folder, 'activations', `${String(index).padStart(6, '0')}.parquet`)

const COLUMNS = ['sae', 'document', 'position', 'token', 'feature'] as const
/** Rows that are made at once. */
const ROWS = 2 ** 18

/**
 * Columns: `sae` (its number among the manifest's), `document`, `position` (the document's first token is 1), `token` (its
 * id), `feature`, `activation`. Rows are sorted by SAE, then token, then feature.
 */
export async function writeStore(
  path: string,
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
  await writeAtomically(path, bytes.getBytes())
}
