// An SAE in SAELens' own format, whatever it was read from.
//   npm run save-sae -- --saes L5.pt --out mine/saes                       a file of torch's, with its settings in it or beside it
//   npm run save-sae -- --saes gpt2-small-hook-z-kk --layers 5 --out mine/saes
// Writes OUT/HOOK/cfg.json and OUT/HOOK/sae_weights.safetensors (F32), which SAELens 6 and every command here read.
import { join } from 'node:path'
import { encodeSafetensors } from '../../../engine/weights/safetensors.ts'
import { showShape } from '../../../engine/tensor.ts'
import { saeJson, saeTensors } from '../../../sae/save.ts'
import { createCommand, integerIn, listOf, runMain } from '../../lab/cli/cli.ts'
import { print, printJson } from '../../lab/cli/print.ts'
import { createProgress } from '../../lab/cli/progress.ts'
import { UserError } from '../../lab/cli/user-error.ts'
import { checkWritable, writeAllAtomically } from '../../lab/cli/write-node.ts'
import { findSaes } from '../../lab/models/find-saes.ts'
import { layerOf } from '../../lab/models/hooks.ts'

interface Options {
  readonly saes: string
  readonly out: string
  readonly layers?: readonly number[]
  readonly offline?: boolean
  readonly json?: boolean
}

const command = createCommand('save-sae', 'save SAEs of any kind that can be read as SAELens 6 saves them')
  .requiredOption(
    '--saes <which>',
    'a folder or file, a release (`npm run download -- --help` lists them), or OWNER/NAME[@REVISION][:FOLDER] (required)',
  )
  .option(
    '--layers <list>',
    'only the SAEs of these layers, e.g. 2,4',
    listOf('layers', integerIn('layer', 0)),
  )
  .option('--offline', 'fetch nothing: use what is in the cache')
  .requiredOption(
    '--out <folder>',
    'the folder to write; each SAE gets a folder in it, named by its hook (required)',
  )
  .addHelpText(
    'after',
    `
All settings that affect numbers are kept. A scale of all inputs and a transcoder's b_dec are folded into the weights, because SAELens 6
has no field for them. An SAE is written whole or not at all.

Examples:
  npm run save-sae -- --saes L5.pt --out mine/saes
  python -c "from sae_lens import SAE; SAE.load_from_disk('mine/saes/blocks.5.attn.hook_z')"`,
  )
  .parse()

runMain(async () => {
  const { saes: which, out, layers, offline, json: quiet = false } = command.opts<Options>()
  await checkWritable(join(out, 'cfg.json'))
  const source = await findSaes(which, { name: 'gpt2' }, { quiet, offline, saes: which })
  const { saes } = source
  const hooks = [...saes.keys()].filter((hook) => layers?.includes(layerOf(hook)) ?? true)
  if (hooks.length === 0)
    throw new UserError(`--layers ${layers!.join()}: there are SAEs only for ${[...saes.keys()].join(', ')}`)
  await source.prepareSaes(hooks)
  using progress = createProgress({ label: 'saving', total: hooks.length, unit: 'SAEs', quiet })
  const saved: { folder: string; architecture: string; features: number; tensors: Record<string, string> }[] =
    []
  for (const hook of hooks) {
    const sae = saes.get(hook)!
    const { config } = sae
    const store = await sae.weights()
    const tensors = await saeTensors(store, config).finally(() => store.close())
    await writeAllAtomically(join(out, hook), {
      'sae_weights.safetensors': encodeSafetensors(tensors),
      'cfg.json': `${saeJson(config)}\n`,
    })
    const shapes = [...tensors].map(([name, { shape }]) => [name, showShape(shape)] as const)
    saved.push({
      ...{ folder: join(out, hook), architecture: config.architecture, features: config.dSae },
      tensors: Object.fromEntries(shapes),
    })
    progress.step()
  }
  progress.stop()
  if (quiet) return printJson({ saved }, 1)
  for (const { folder, architecture, features, tensors } of saved)
    print(`${folder}: ${architecture}, ${features} features: ${Object.entries(tensors).map((one) => one.join(' ')).join(', ')}`) // prettier-ignore
})
