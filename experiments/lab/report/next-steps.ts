// What to try next with a feature that a command has shown.
import { commandLine } from '../cli/cli.ts'
import { chooseHooks } from '../models/choose-hooks.ts'
import { layerOf } from '../models/hooks.ts'
import type { OpenModel } from '../models/models.ts'

interface ShownLayer {
  readonly hook: string
  /** The strongest first. */
  readonly strongest: readonly { readonly feature: number }[]
}

/** What the command was told, and those that follow are told likewise. */
interface Given {
  readonly model: string
  readonly saes?: string
  readonly force?: boolean
}

/**
 * Commands to paste, one a line, for the strongest feature of the middle layer: what else it fires on, what it does to the
 * next token, and what is written without it. '' where no feature was shown.
 * @param ids the text, BOS first; as much of it is taken as the model reads at once
 */
export function nextSteps(
  model: Pick<OpenModel, 'name' | 'saeHooks' | 'tokenizer' | 'gpt2'>,
  ids: readonly number[],
  layers: readonly ShownLayer[],
  { model: name, saes, force }: Given,
): string {
  // `npm run feature` reads one SAE a layer.
  const shown = layers.filter(({ hook, strongest }) => {
    return strongest.length > 0 && chooseHooks(model, [layerOf(hook)])[0] === hook
  })
  if (shown.length === 0) return ''
  const { hook, strongest } = shown[Math.floor(shown.length / 2)]
  const [layer, { feature }] = [layerOf(hook), strongest[0]]
  const text = model.tokenizer.decode(ids.slice(1, model.gpt2.config.nCtx))
  const given = [
    ...(name === 'tiny' ? [] : ['--model', name]),
    ...(saes === undefined ? [] : ['--saes', saes]),
    ...(force ? ['--force'] : []),
  ]
  const steps: [command: string, args: string[], what: string][] = [
    ['feature', ['--layer', `${layer}`, '--feature', `${feature}`], 'what else it fires on'],
    ['attribute', ['--text', text], 'what each feature does to the next token'],
    ['generate', ['--prompt', text, '--edit', `off-${layer}-${feature}`], 'what the model writes without it'],
  ]
  const commands = steps.map(([command, args, what]) => ({
    call: commandLine(command, [...args, ...given]),
    what,
  }))
  const width = Math.max(...commands.map(({ call }) => call.length))
  return [
    `What to try next with feature ${feature} of layer ${layer}:`,
    ...commands.map(({ call, what }) => `${call.padEnd(width)}  # ${what}`),
  ].join('\n')
}
