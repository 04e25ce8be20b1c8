// Documents of a Parquet file, one row group at a time.
import { parquetReadObjects } from 'hyparquet'
import { openParquet, type ParquetFile } from '../../../lab/texts/parquet-node.ts'
import { documentOf, type Columns, type Found } from './found.ts'

/** Rows before `fromRow` are skipped, whole row groups without being read. */
export async function* readParquet(path: string, columns: Columns, fromRow: number): AsyncGenerator<Found> {
  let parquet: ParquetFile
  try {
    parquet = await openParquet(path)
  } catch (error) {
    yield { row: 0, read: 0, fault: `cannot be read as Parquet: ${(error as Error).message}` }
    return
  }
  const { metadata, file } = parquet
  const names = topColumns(parquet)
  if (!names.includes(columns.text)) {
    const fault = `expected a column "${columns.text}", found ${JSON.stringify(names.join(','))}`
    yield { row: 0, read: 0, fault }
    return
  }
  const wanted = names.filter((name) => name === columns.text || name === columns.label)
  let first = 0
  for (const group of metadata.row_groups) {
    const [rowStart, rowEnd] = [first, first + Number(group.num_rows)]
    first = rowEnd
    if (rowEnd < fromRow) continue
    const read = Math.round((file.byteLength * rowEnd) / Number(metadata.num_rows))
    let rows
    try {
      rows = await parquetReadObjects({ ...parquet, columns: wanted, rowStart, rowEnd })
    } catch (error) {
      const fault = `rows ${rowStart + 1} to ${rowEnd} cannot be read: ${(error as Error).message}`
      yield { row: rowStart + 1, read, fault }
      continue
    }
    for (let i = Math.max(0, fromRow - 1 - rowStart); i < rows.length; i++) {
      const row: Record<string, unknown> = rows[i]
      yield documentOf((name) => row[name], columns, { row: rowStart + i + 1, read })
    }
  }
}

function topColumns({ metadata: { schema } }: ParquetFile): string[] {
  const names: string[] = []
  const skip = (at: number): number => {
    let next = at + 1
    for (let child = 0; child < (schema[at].num_children ?? 0); child++) next = skip(next)
    return next
  }
  for (let at = 1; at < schema.length; at = skip(at)) names.push(schema[at].name)
  return names
}
