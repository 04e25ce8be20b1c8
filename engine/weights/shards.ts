// Weights in several files, and the index that says which tensor is in which.
import { show } from './json.ts'
import { JsonFields } from './json-fields.ts'
import { WeightsFileError, type WeightStore } from './weights.ts'

/**
 * Opens the files that a Hugging Face index (`model.safetensors.index.json`, `pytorch_model.bin.index.json`) names, as one
 * store. Closing it closes all of them.
 * @param open opens the file of a name, beside the index
 * @throws WeightsFileError naming file and tensor where a file cannot be opened, a tensor is in two files, or the index and
 * the files do not say the same; nothing stays open
 */
export async function openShards(
  label: string,
  json: string,
  open: (file: string) => Promise<WeightStore>,
): Promise<WeightStore> {
  const placeOf = new Map(
    new JsonFields(json, label)
      .entries('weight_map')
      .map(([name, file]) => [name, plainName(label, name, file)]),
  )
  const shards = new Map<string, WeightStore>()
  const close = async () => {
    for (const shard of shards.values()) await shard.close()
  }
  try {
    for (const file of new Set(placeOf.values())) shards.set(file, await openShard(label, file, open))
    checkPlaces(label, placeOf, shards)
  } catch (error) {
    await close()
    throw error
  }
  return {
    label,
    names: () => [...placeOf.keys()],
    get(name) {
      const file = placeOf.get(name)
      if (file === undefined) throw new WeightsFileError(`${label}: names no tensor ${show(name)}`)
      return shards.get(file)!.get(name)
    },
    close,
  }
}

/** @throws for what could lead out of the index's folder */
function plainName(label: string, tensor: string, file: unknown): string {
  if (typeof file === 'string' && /^[\w][\w.-]*$/.test(file)) return file
  throw new WeightsFileError(
    `${label}: weight_map: ${show(tensor)} is in ${show(file)}, expected the name of a file beside the index`,
  )
}

async function openShard(
  label: string,
  file: string,
  open: (file: string) => Promise<WeightStore>,
): Promise<WeightStore> {
  return open(file).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw error
    throw new WeightsFileError(`${label}: names ${file}, which is not there: fetch all files of the model`)
  })
}

function checkPlaces(
  label: string,
  placeOf: ReadonlyMap<string, string>,
  shards: ReadonlyMap<string, WeightStore>,
): void {
  const held = new Map<string, string>()
  for (const [file, shard] of shards)
    for (const name of shard.names()) {
      const other = held.get(name)
      if (other !== undefined)
        throw new WeightsFileError(
          `${label}: tensor ${show(name)} is in ${other} and in ${file}: one of the files is another model's; fetch them again`,
        )
      held.set(name, file)
      if (placeOf.get(name) !== file)
        throw new WeightsFileError(
          `${label}: ${file} holds tensor ${show(name)}, which the index ${placeOf.has(name) ? `says is in ${placeOf.get(name)}` : 'does not name'}: fetch the index and the files again`,
        )
    }
  for (const [name, file] of placeOf)
    if (!held.has(name))
      throw new WeightsFileError(
        `${label}: says that tensor ${show(name)} is in ${file}, which does not hold it: fetch ${file} again`,
      )
}
