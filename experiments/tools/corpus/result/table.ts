// A Parquet table that is written row group by row group, to a draft that gets its name at the end.
import { closeSync, fsyncSync, openSync, rmSync, writeSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { dirname } from 'node:path'
import { ByteWriter, ParquetWriter, type ColumnSource, type SchemaElement } from 'hyparquet-writer'
import { onEarlyExit } from '../../../lab/cli/cleanup.ts'
import { draftOf, sweepDrafts } from '../../../lab/cli/draft-node.ts'
import { explain, makeFolder } from '../../../lab/cli/write-node.ts'

type Type = 'INT32' | 'INT64' | 'FLOAT' | 'DOUBLE' | 'STRING'

/** A column's type: of a number or a text that may be missing, or of a list of them. */
export type ColumnType = Type | readonly [Type]

/** Writes to the file after each row group, so that a table takes no memory. */
class FileWriter extends ByteWriter {
  readonly #file: number

  constructor(file: number) {
    super(2 ** 20)
    this.#file = file
  }

  flush(): void {
    writeSync(this.#file, new Uint8Array(this.buffer, 0, this.index))
    this.index = 0
  }

  override finish(): void {
    this.flush()
    fsyncSync(this.#file)
  }
}

export class TableWriter<Row extends Record<string, unknown>> {
  readonly #path: string
  readonly #draft: string
  readonly #file: number
  readonly #columns: Readonly<Record<keyof Row & string, ColumnType>>
  readonly #writer: ParquetWriter
  readonly #takeBack: () => void
  #rows: Row[] = []
  /** Rows so far. */
  length = 0

  private constructor(path: string, columns: Readonly<Record<keyof Row & string, ColumnType>>) {
    this.#path = path
    this.#draft = draftOf(path)
    this.#columns = columns
    this.#file = openSync(this.#draft, 'wx')
    this.#takeBack = onEarlyExit(() => this.discard())
    const names = Object.keys(columns)
    const elements = names.flatMap((name) => schemaOf(name, columns[name]))
    const schema = [{ name: 'root', num_children: names.length }, ...elements]
    this.#writer = new ParquetWriter({ writer: new FileWriter(this.#file), schema })
  }

  static async open<Row extends Record<string, unknown>>(
    path: string,
    columns: Readonly<Record<keyof Row & string, ColumnType>>,
  ): Promise<TableWriter<Row>> {
    return explain(path, async () => {
      await makeFolder(dirname(path))
      await sweepDrafts(dirname(path))
      return new TableWriter<Row>(path, columns)
    })
  }

  add(row: Row): void {
    this.#rows.push(row)
    this.length += 1
    if (this.#rows.length === ROW_GROUP) this.#writeGroup()
  }

  #writeGroup(): void {
    if (this.#rows.length === 0) return
    const columnData = Object.keys(this.#columns).map((name): ColumnSource => ({
      name,
      data: this.#rows.map((row) => row[name]),
      // For lists of numbers a dictionary and statistics cost more than they save.
      ...(Array.isArray(this.#columns[name]) && { statistics: false }),
      ...(this.#columns[name][0] === 'FLOAT' && { encoding: 'PLAIN' }),
    }))
    void this.#writer.write({ columnData, rowGroupSize: ROW_GROUP })
    this.#rows = []
  }

  /** Ends the draft: the file is complete, but does not have its name yet. */
  async finish(): Promise<void> {
    await explain(this.#path, async () => {
      this.#writeGroup()
      await this.#writer.finish()
      closeSync(this.#file)
    })
  }

  /** Gives a finished draft its name. */
  async publish(): Promise<void> {
    await explain(this.#path, () => rename(this.#draft, this.#path))
    this.#takeBack()
  }

  /** Removes the draft. */
  discard(): void {
    rmSync(this.#draft, { force: true })
  }
}

/** Rows that are read together when one is wanted. */
const ROW_GROUP = 1024

function schemaOf(name: string, type: ColumnType): SchemaElement[] {
  if (typeof type === 'string') return [{ ...elementOf(name, type), repetition_type: 'OPTIONAL' }]
  return [
    { name, repetition_type: 'REQUIRED', num_children: 1, converted_type: 'LIST' },
    { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
    { ...elementOf('element', type[0]), repetition_type: 'REQUIRED' },
  ]
}

function elementOf(name: string, type: Type): SchemaElement {
  return type === 'STRING' ? { name, type: 'BYTE_ARRAY', converted_type: 'UTF8' } : { name, type }
}
