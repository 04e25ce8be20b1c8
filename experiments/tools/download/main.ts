// Which files does a known model need, and are they here and intact?
//   npm run download -- gpt2                      what npm start needs: the model, four SAEs, the post's texts
//   npm run download -- gpt2 --layers 0,12        other SAEs; 12 is the stream after the last block
//   npm run download -- gpt2 --saes gpt2-small-mlp-tm --layers 6      of another release
//   npm run download -- gpt2 --offline            fetches nothing: hashes all that is there
//   npm run download -- distilgpt2 --dir weights  into a folder of plain files, for --dir elsewhere
// Fetches what is missing, hashes what is there, prints a table.
import { realpath, stat } from 'node:fs/promises'
import { basename } from 'node:path'
import { postLayers } from '../../lab/analysis/replication.ts'
import { createCommand, integerIn, listOf, oneOf, runMain } from '../../lab/cli/cli.ts'
import { UserError } from '../../lab/cli/user-error.ts'
import { saeFilesOnHub } from '../../lab/models/find-saes.ts'
import { layerOf } from '../../lab/models/hooks.ts'
import { fetchFiles } from '../../lab/models/hub/hub.ts'
import { describeHash, hashOf, isHash } from '../../lab/models/hub/identity.ts'
import { knownModels, type KnownModel } from '../../lab/models/hub/known-models.ts'
import { releases } from '../../lab/models/hub/releases.ts'
import { hubSettings } from '../../lab/models/hub/settings.ts'
import { cacheStore, folderStore, type HubFile } from '../../lab/models/hub/store.ts'
import { print, printJson } from '../../lab/cli/print.ts'
import { createProgress, showBytes } from '../../lab/cli/progress.ts'
import { postTexts } from '../../lab/texts/post-texts.ts'
import { formatTable } from '../../lab/cli/table.ts'

interface Options {
  readonly layers?: readonly number[]
  readonly saes?: string
  readonly dir?: string
  readonly offline?: boolean
  readonly json?: boolean
}

const names = Object.keys(knownModels)

const command = createCommand('download', 'fetch a published model and its SAEs in advance, and check them')
  .argument('<model>', names.join(', '), oneOf('model', names))
  .option(
    '--layers <list>',
    `SAEs of these layers; 12 is after the last (default: ${postLayers.join()}; with --saes, all)`,
    listOf('layers', integerIn('layer', 0, 12)),
  )
  .option(
    '--saes <which>',
    'SAEs other than the model’s own: a release listed below, or OWNER/NAME[@REVISION][:FOLDER]',
  )
  .option('--dir <folder>', 'fetch into this folder, not into Hugging Face’s cache')
  .option('--offline', 'fetch nothing; check the files that are there')
  .addHelpText('after', `\nReleases: ${Object.keys(releases).join(', ')}`)
  .parse()

runMain(async () => {
  const options = command.opts<Options>()
  const [name] = command.processedArgs as [string]
  const settings = await hubSettings(process.env, options)
  const store = options.dir === undefined ? cacheStore(settings.cacheFolder) : folderStore(options.dir)
  const files = await filesOf(knownModels[name], options)
  const paths = await fetchFiles(settings, store, files, {
    what: name,
    command: `npm run download -- ${name}${options.saes === undefined ? '' : ` --saes ${options.saes}`}`,
    quiet: options.json,
  })
  if (name === 'gpt2') await postTexts(settings)
  const checked = await checkHashes(files, paths, options.json)
  const wrong = checked.flatMap(({ path, expected, found }) =>
    expected === undefined || expected === found
      ? []
      : [`${path}: expected ${describeHash(expected)}, found ${found}: delete it and run this again`],
  )
  if (options.json) printJson(checked.map(summary), 1)
  else printChecked(checked, store.folder)
  if (wrong.length > 0) throw new UserError(wrong.join('\n'))
})

async function filesOf(
  { config, weights, saes }: KnownModel,
  { saes: which, layers }: Options,
): Promise<HubFile[]> {
  const asked = which === undefined ? saes : await saeFilesOnHub(which)
  if (!asked) throw new UserError(`--saes ${which}: it is on this machine already`)
  const chosen = layers ?? (which === undefined ? postLayers : undefined)
  const wanted = asked.filter(({ hook }) => !chosen || hook === undefined || chosen.includes(layerOf(hook)))
  if (which !== undefined && wanted.length === 0)
    throw new UserError(`--saes ${which}: no SAE of layer ${layers!.join(', ')} in it`)
  return [config, weights, ...asked.flatMap((sae) => sae.config ?? []), ...wanted.map((sae) => sae.weights)]
}

interface Checked {
  readonly file: HubFile
  readonly path: string
  readonly bytes: number
  readonly sha256: string
  /** The hash that it should have: pinned, or, in Hugging Face's cache, the one that the hub announced; of a small file git's. */
  readonly expected: string | undefined
  readonly found: string
}

async function checkHashes(
  files: readonly HubFile[],
  paths: readonly string[],
  quiet = false,
): Promise<Checked[]> {
  const sizes = await Promise.all(paths.map(async (path) => (await stat(path)).size))
  const total = sizes.reduce((sum, size) => sum + size, 0)
  using progress = createProgress({ label: 'checking', total, unit: 'bytes', quiet })
  const checked: Checked[] = []
  let done = 0
  for (const [i, file] of files.entries()) {
    const [path, bytes] = [paths[i], sizes[i]]
    const blob = basename(await realpath(path)) // the cache names content by its hash
    const expected = file.sha256 ?? (isHash(blob) ? blob : undefined)
    const sha256 = await hashOf(path)
    const found = expected?.length === 40 ? await hashOf(path, expected) : sha256
    checked.push({ file, path, bytes, sha256, expected, found })
    progress.update((done += bytes), file.local)
  }
  return checked
}

function summary({ file, path, bytes, sha256 }: Checked) {
  return {
    repo: file.repo,
    revision: file.revision,
    path: file.path,
    file: path,
    bytes,
    sha256,
    pinned: file.sha256 ?? null,
  }
}

function printChecked(checked: readonly Checked[], folder: string): void {
  const verdict = ({ file, expected, found }: Checked) => {
    if (expected === undefined) return 'not pinned'
    if (expected !== found) return 'WRONG'
    return file.sha256 === undefined ? 'as announced' : 'as pinned'
  }
  const rows = checked.map((one) => [one.file.local, one.bytes, one.sha256.slice(0, 16), verdict(one)])
  print(formatTable(['file', 'bytes', 'SHA-256 begins', ''], rows))
  const total = checked.reduce((sum, { bytes }) => sum + bytes, 0)
  print(`${checked.length} files, ${showBytes(total)}, in ${folder}`)
}
