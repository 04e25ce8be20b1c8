// Changes the model as the page asks, and tells the page when it cannot.
import type { HookTable } from '../../../gpt2/hooks.ts'
import { changeHooks } from '../../lab/models/change-hooks.ts'
import { lackedBy, type Change } from '../../lab/models/changes.ts'
import { Fault } from './fault.ts'
import type { Model } from './model.ts'

/**
 * As `changeHooks` makes them.
 * @throws Fault if there is no such feature, head or neuron
 */
export async function editHooks(model: Model, edit: readonly Change[]): Promise<HookTable> {
  checkEdit(model, edit)
  return changeHooks(model.gpt2.config, model.saes, edit)
}

/** @throws Fault if there is no such feature, head or neuron */
export function checkEdit(model: Model, edit: readonly Change[], kind: 'card' | 'edit' = 'edit'): void {
  const saes = model.saes.map((sae) => sae?.config)
  for (const change of edit) {
    const lacked = lackedBy({ config: model.gpt2.config, saes }, change)
    if (lacked) throw new Fault(kind, lacked.lacks, lacked.has)
  }
}
