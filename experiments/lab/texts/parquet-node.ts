// Parquet files, on the disk or behind an address that gives byte ranges, for hyparquet.
import {
  asyncBufferFromFile,
  asyncBufferFromUrl,
  parquetMetadataAsync,
  type AsyncBuffer,
  type Compressors,
  type FileMetaData,
} from 'hyparquet'
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from 'node:zlib'

/** What hyparquet leaves to its caller: all codecs but Snappy; Node has them. */
const compressors: Compressors = {
  GZIP: (bytes) => new Uint8Array(gunzipSync(bytes)),
  ZSTD: (bytes) => new Uint8Array(zstdDecompressSync(bytes)),
  BROTLI: (bytes) => new Uint8Array(brotliDecompressSync(bytes)),
}

/** What `parquetReadObjects` wants to know of a file. */
export interface ParquetFile {
  readonly file: AsyncBuffer
  readonly metadata: FileMetaData
  readonly compressors: Compressors
}

export const isUrl = (path: string): boolean => /^https?:\/\//.test(path)

/** Opens a local file or, by its address, one of which ranges are fetched as they are needed. @throws if it is no Parquet file */
export async function openParquet(path: string): Promise<ParquetFile> {
  const file = isUrl(path) ? await asyncBufferFromUrl({ url: path }) : await asyncBufferFromFile(path)
  return { file, metadata: await parquetMetadataAsync(file), compressors }
}
