import { UserError } from '../../cli/user-error.ts'
import {
  openStore,
  readAhead,
  readConfig,
  readSaeConfig,
  type ModelSource,
  type SaeSource,
  type SourceOptions,
} from '../model-files.ts'
import { layerOf } from '../hooks.ts'

import { fetchFiles } from './hub.ts'
import type { PublishedModel, SaeFiles } from './known-models.ts'
import { hubSettings } from './settings.ts'
import { cacheStore, COMMIT, folderStore, type HubFile } from './store.ts'

/** A published model: its files from Hugging Face's cache, or a folder, fetched first where that is allowed. */
export async function publishedSource(
  name: string,
  model: PublishedModel,
  { quiet = false, offline, dir }: SourceOptions,
): Promise<ModelSource> {
  const settings = await hubSettings(process.env, { offline: offline || dir !== undefined })
  const store = dir === undefined ? cacheStore(settings.cacheFolder) : folderStore(dir)
  const command = `npm run download -- ${name}${dir === undefined ? '' : ` --dir ${dir}`}`
  const fetch = (files: readonly HubFile[]) =>
    fetchFiles(settings, store, files, { what: name, command, quiet })
  const fetchSaes = (saes: readonly SaeFiles[]) =>
    fetchFiles(
      settings,
      store,
      saes.map(({ weights }) => weights),
      {
        ...{ what: name, quiet },
        command: `${command} --layers ${saes.map(({ hook }) => layerOf(hook)).join()}`,
      },
    )

  const known = settings.offline ? await having(model.saes, ({ config }) => store.find(config)) : model.saes
  const [configPath, weightsPath] = await fetch([
    model.config,
    model.weights,
    ...known.map(({ config }) => config),
  ])
  const config = await readConfig(configPath)
  const origin = `${model.weights.repo} at ${(await store.commitOf(model.weights)) ?? `unknown revision, from ${dir}`}`
  if (!COMMIT.test(model.weights.revision) && !quiet)
    process.stderr.write(
      `${name}: no revision is pinned; this is ${origin}, the first that was fetched here\n`,
    )

  const saes = new Map<string, SaeSource>()
  for (const files of known) saes.set(files.hook, await saeSource(files))
  return {
    name,
    origin,
    config,
    weights: () => openStore(weightsPath),
    saes,
    prepareSaes: async (hooks) => void (await fetchSaes(known.filter(({ hook }) => hooks.includes(hook)))),
  }

  async function saeSource(files: SaeFiles): Promise<SaeSource> {
    const [path] = await fetch([files.config])
    const sae = await readSaeConfig(path, name, config)
    if (sae.hookName !== files.hook)
      throw new UserError(`${path}: expected the SAE of ${files.hook}, found that of ${sae.hookName}`)
    return {
      config: sae,
      weights: async () => openStore((await fetchSaes([files]))[0]),
      readAhead: async () => {
        const path = await store.find(files.weights).catch(() => undefined)
        if (path !== undefined) await readAhead(path)
      },
    }
  }
}

async function having<T>(items: readonly T[], test: (item: T) => Promise<unknown>): Promise<T[]> {
  const found = await Promise.all(items.map(test))
  return items.filter((_, i) => found[i] !== undefined)
}
