// A folder as a browser gives it, read where it lies.
import { checkRange, type ByteSource } from '../../../engine/weights/bytes.ts'
import { WeightsFileError } from '../../../engine/weights/weights.ts'

/** A file of a folder that was dropped or chosen: its path from that folder on, with `/`. */
export interface FolderFile {
  readonly path: string
  readonly file: File
}

/** A folder that was dropped or chosen, with all that is in it. Crosses to a worker without being read. */
export interface ModelFolder {
  readonly name: string
  readonly files: readonly FolderFile[]
}

/** Bytes of a file, each part read only when it is asked for: half a gigabyte is never in memory twice. */
export function fileSource({ path, file }: FolderFile): ByteSource {
  const source: ByteSource = {
    label: path,
    size: file.size,
    async read(into, at) {
      checkRange(source, into.length, at)
      const part = await file
        .slice(at, at + into.length)
        .arrayBuffer()
        .catch(unreadable(path))
      into.set(new Uint8Array(part))
    },
    close: async () => {},
  }
  return source
}

export async function readFileText({ path, file }: FolderFile): Promise<string> {
  return file.text().catch(unreadable(path))
}

/** Browsers let nobody read a file that has changed since it was chosen. */
function unreadable(path: string): (error: Error) => never {
  return (error) => {
    throw new WeightsFileError(
      `${path}: the browser cannot read it any more: ${error.message}; was it changed? Choose the folder again`,
      { cause: error },
    )
  }
}
