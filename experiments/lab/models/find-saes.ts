// The SAEs that --saes names, and where the hub's files of a model and its SAEs are kept.
import { stat } from 'node:fs/promises'
import { UserError } from '../cli/user-error.ts'
import { layerOf } from './hooks.ts'
import { fetchFiles } from './hub/hub.ts'
import { releases, type SaeFiles } from './hub/releases.ts'
import { hubSettings } from './hub/settings.ts'
import { cacheStore, folderStore, type FileStore, type HubFile } from './hub/store.ts'
import { here, readSaes, saesIn, type FilePlace, type SaeSources } from './sae-source.ts'
import type { SourceOptions } from './source-options.ts'

type Model = Parameters<typeof readSaes>[0]

/**
 * A release by name, a folder or file on this machine, or a repository on the hub, OWNER/NAME[@REVISION][:FOLDER,...], with
 * cfg.json and sae_weights.safetensors in each folder.
 * @throws UserError if it is none of these, or the SAEs do not fit the model
 */
export async function findSaes(which: string, model: Model, options: SourceOptions): Promise<SaeSources> {
  const files = await saeFilesOnHub(which)
  if (!files) {
    const found = await saesIn(which)
    if (found.length === 0) throw new UserError(`--saes ${which}: there is no SAE in it`)
    return readSaes(model, found, here)
  }
  const place = await hubPlace(model.name, files, options)
  const available = await place.available()
  return readSaes(model, available.length > 0 ? available : files, place)
}

/** @returns undefined for what is on this machine */
export async function saeFilesOnHub(which: string): Promise<readonly SaeFiles[] | undefined> {
  if (Object.hasOwn(releases, which)) return releases[which]
  if (await stat(which).catch(() => undefined)) return undefined
  const [, repo, revision = 'main', folders = ''] =
    /^([\w.-]+\/[\w.-]+)(?:@([\w.-]+))?(?::([^:].*))?$/.exec(which) ?? []
  if (repo === undefined)
    throw new UserError(
      `--saes ${which}: expected a folder, a file, OWNER/NAME[@REVISION][:FOLDER] on the hub, or one of ${Object.keys(releases).join(', ')}`,
    )
  return folders.split(',').map((folder): SaeFiles => {
    const inside = folder === '' ? '' : `${folder}/`
    const file = (name: string): HubFile => {
      const path = `${inside}${name}`
      return { repo, revision, path, local: `sae/${repo}/${path}` }
    }
    return { config: file('cfg.json'), weights: file('sae_weights.safetensors') }
  })
}

interface HubPlace extends FilePlace<HubFile>, Pick<FileStore, 'commitOf'> {
  /** The SAEs whose settings are available: offline, those fetched before. */
  available(): Promise<SaeFiles[]>
}

/** Hugging Face's cache, or the folder of --dir. */
export async function hubPlace(
  model: string,
  saes: readonly SaeFiles[],
  { quiet = false, offline, dir, saes: which }: SourceOptions,
): Promise<HubPlace> {
  const settings = await hubSettings(process.env, { offline: offline || dir !== undefined })
  const store = dir === undefined ? cacheStore(settings.cacheFolder) : folderStore(dir)
  return {
    find: (file) => store.find(file),
    commitOf: (file) => store.commitOf(file),
    locate(files) {
      const wanted = saes.filter(({ weights }) => files.includes(weights))
      const layers = wanted.flatMap(({ hook }) => (hook === undefined ? [] : layerOf(hook)))
      const command = [
        `npm run download -- ${model}`,
        ...(which === undefined ? [] : [`--saes ${which}`]),
        ...(dir === undefined ? [] : [`--dir ${dir}`]),
        ...(layers.length > 0 ? [`--layers ${layers.join()}`] : []),
      ]
      return fetchFiles(settings, store, files, { what: model, command: command.join(' '), quiet })
    },
    async available() {
      const found: SaeFiles[] = []
      for (const sae of saes)
        if (!settings.offline || !sae.config || (await store.find(sae.config)) !== undefined) found.push(sae)
      return found
    },
  }
}
