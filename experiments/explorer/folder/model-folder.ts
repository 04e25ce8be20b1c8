// A folder as a browser provides it, read in place.
import { checkRange, type ByteSource } from '../../../engine/weights/bytes.ts'
import { WeightsFileError } from '../../../engine/weights/weights.ts'

/** A file of a folder that was dropped or chosen: its path from that folder, with `/`. */
export interface FolderFile {
  readonly path: string
  readonly file: File
}

/** A folder that was dropped or chosen, with all that is in it. Crosses to a worker without being read. */
export interface ModelFolder {
  readonly name: string
  readonly files: readonly FolderFile[]
}

/** A file's bytes, each part read only when asked for: half a gigabyte is never in memory twice. */
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

/** Browsers refuse to read a file that has changed since it was chosen. */
function unreadable(path: string): (error: Error) => never {
  return (error) => {
    throw new WeightsFileError(
      `${path}: the browser can no longer read it: ${error.message}; was it changed? Choose the folder again`,
      { cause: error },
    )
  }
}
