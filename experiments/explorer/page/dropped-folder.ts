// Folders as browsers provide them: dropped, or chosen with the button.
import type { FolderFile, ModelFolder } from '../folder/model-folder.ts'

/** Whether what is dragged is files rather than text. */
export function holdsFiles({ dataTransfer }: DragEvent): boolean {
  return dataTransfer?.types.includes('Files') ?? false
}

/** A folder that was chosen: paths begin with its name. */
export function chosenFolder(list: FileList): ModelFolder {
  const files = [...list].map((file): FolderFile => ({ path: file.webkitRelativePath, file }))
  return { name: files[0].path.split('/')[0], files }
}

/** Everything that was dropped, as one folder: it may be several, a model's and its SAEs'. */
export async function droppedFolder({ dataTransfer }: DragEvent): Promise<ModelFolder> {
  // All entries at once, because they are gone after the event.
  const entries = [...(dataTransfer?.items ?? [])].flatMap((item) => item.webkitGetAsEntry() ?? [])
  const files = (await Promise.all(entries.map(filesIn))).flat()
  return { name: entries.map(({ name }) => name).join(' and '), files }
}

async function filesIn(entry: FileSystemEntry): Promise<FolderFile[]> {
  if (entry.isFile) {
    const file = await new Promise<File>((resolve, reject) =>
      (entry as FileSystemFileEntry).file(resolve, reject),
    )
    return [{ path: entry.fullPath.slice(1), file }]
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader()
  const inside: FileSystemEntry[] = []
  for (;;) {
    // a hundred at a time
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    )
    if (some.length === 0) break
    inside.push(...some)
  }
  return (await Promise.all(inside.map(filesIn))).flat()
}
