// Whether an SAE fits a model.
import type { Gpt2Config } from '../../../gpt2/config.ts'
import type { SaeConfig } from '../../../sae/config.ts'
import { siteOf } from '../../../sae/sites.ts'
import { UserError } from '../cli/user-error.ts'

/** @throws UserError if the SAE reads a stream of another width than the model's */
export function checkSae(
  path: string,
  { headIndex, dIn, dOut, hookName, hookNameOut }: SaeConfig,
  name: string,
  { dModel, nLayers, nHeads, dHead }: Gpt2Config,
): void {
  for (const layer of [hookName, hookNameOut].map((hook) => siteOf(hook)!.layer))
    if (layer >= nLayers)
      throw new UserError(`${path}: the SAE is of block ${layer}, but ${name} has blocks 0..${nLayers - 1}`)
  if (headIndex !== undefined && (headIndex >= nHeads || dIn !== dHead))
    throw new UserError(
      `${path}: the SAE is of head ${headIndex}, ${dIn} wide, but ${name} has heads 0..${nHeads - 1}, ${dHead} wide`,
    )
  if (headIndex === undefined && dIn !== dModel)
    throw new UserError(`${path}: the SAE reads a stream of width ${dIn}, but ${name}'s is ${dModel} wide`)
  if (headIndex === undefined && dOut !== dModel)
    throw new UserError(
      `${path}: the SAE rebuilds ${dOut} numbers, but ${hookNameOut} of ${name} is ${dModel} wide`,
    )
}
