// The changes of --edit, made ready on an open model.
import type { HookTable } from '../../../gpt2/hooks.ts'
import type { SaeConfig } from '../../../sae/config.ts'
import type { Sae } from '../../../sae/weights.ts'
import { UserError } from '../../lab/cli/user-error.ts'
import { changeHooks } from '../../lab/models/change-hooks.ts'
import { lackedBy, writeChange, type Change } from '../../lab/models/changes.ts'
import { hookOfEachLayer } from '../../lab/models/choose-hooks.ts'
import { layerOf } from '../../lab/models/hooks.ts'
import type { OpenModel } from '../../lab/models/models.ts'
import { checkSaes } from '../../lab/models/preflight.ts'

/**
 * The hooks that make the changes. The SAEs of the features among them stay open as long as the backend; those of --saes are
 * first checked on the prompt.
 * @param prompt ids with BOS
 * @throws UserError for a layer, head, neuron or feature that there is not, or an SAE that hardly rebuilds the prompt
 */
export async function editHooks(
  model: OpenModel,
  edit: readonly Change[],
  prompt: readonly number[],
  { saes, force }: { readonly saes?: string; readonly force?: boolean },
): Promise<HookTable> {
  const { config } = model.gpt2
  const hooks = new Map(hookOfEachLayer(model).map((hook) => [layerOf(hook), hook]))
  const configs: (SaeConfig | undefined)[] = []
  for (const [layer, hook] of hooks) configs[layer] = model.saeConfig(hook)
  for (const change of edit) {
    const lacked = lackedBy({ config, saes: configs }, change)
    if (lacked) throw new UserError(`--edit ${writeChange(change)}: ${lacked.lacks} ${lacked.has}`)
  }
  const layers = new Set(edit.flatMap((change) => ('feature' in change ? [change.layer] : [])))
  const read = [...hooks].filter(([layer]) => layers.has(layer))
  const names = read.map(([, hook]) => hook)
  await model.prepareSaes(names)
  if (saes !== undefined) await checkSaes(model, [prompt], names, { quiet: true, force })
  const opened: (Sae | undefined)[] = []
  for (const [layer, hook] of read) opened[layer] = await model.openSae(hook)
  return changeHooks(config, opened, edit)
}
