// What does the model hold at a point of its forward pass? Writes activations for numpy and friends.
//   npm run capture -- --text "Hello" --hooks blocks.3.hook_resid_pre,logits --out hello.safetensors
// Prints the tokens, and the name, shape and range of each tensor written.
import { Option } from 'commander'
import { closest, distance } from 'fastest-levenshtein'
import { encodeSafetensors } from '../../../engine/weights/safetensors.ts'
import type { Tensor } from '../../../engine/tensor.ts'
import { hookNames } from '../../../gpt2/hooks.ts'
import { capture } from '../../../gpt2/model.ts'
import { describeBasis } from '../../../sae/config.ts'
import type { Sae } from '../../../sae/weights.ts'
import { createCommand, integerIn, listOf, runMain } from '../../lab/cli/cli.ts'
import { UserError } from '../../lab/cli/user-error.ts'
import { openModel, withSae, type OpenModel } from '../../lab/models/models.ts'
import { addEngineOptions, withBackend, type EngineOptions } from '../../lab/models/engine-options.ts'
import { print, printJson, visibleLine } from '../../lab/cli/print.ts'
import { formatTable } from '../../lab/cli/table.ts'
import { checkWritable, writeAtomically } from '../../lab/cli/write-node.ts'
import { saeActivation, SAE_HOOKS, splitName, type SaeHook } from './sae-activations.ts'

interface Options extends EngineOptions {
  readonly text?: string
  readonly ids?: readonly number[]
  readonly hooks: readonly string[]
  readonly out: string
  readonly json?: boolean
}

const command = addEngineOptions(
  createCommand('capture', 'write a model’s activations at named hooks to a safetensors file (F32)'),
)
  .option('--text <text>', 'the text; <|endoftext|> is put before it')
  .addOption(
    new Option('--ids <list>', 'token ids instead of a text; nothing is added')
      .argParser(listOf('ids', integerIn('id', 0)))
      .conflicts('text'),
  )
  .requiredOption(
    '--hooks <list>',
    `TransformerLens names, or HOOK.NAME for the SAE of HOOK; see below (required)`,
    listOf('hooks'),
  )
  .requiredOption('--out <file>', 'the safetensors file to write (required)')
  .addHelpText(
    'after',
    `
Hooks: ${hookNames({ nLayers: 1 }).join(', ').replaceAll('blocks.0', 'blocks.N')}
Of the SAE of a hook: ${SAE_HOOKS.join(', ')}. What each holds: gpt2/HOOKS.md

Examples:
  npm run capture -- --text "Hello world" --hooks blocks.3.hook_resid_pre,logits --out hello.safetensors
  npm run capture -- --ids 4096,67,891 --hooks blocks.5.hook_resid_pre.hook_sae_acts_post --out features.safetensors`,
  )
  .parse()

const options = command.opts<Options>()
if (options.text === undefined && options.ids === undefined) command.error('error: give --text or --ids')
if (options.out === '') command.error('error: --out needs the name of a file')

runMain(async () => {
  await checkWritable(options.out)
  await withBackend(options, async (ops) => {
    const model = await openModel(options.model, ops, { ...options, quiet: options.json })
    const ids = options.ids ?? model.tokenize(options.text!)
    const tensors = await captureAll(model, ids, options.hooks)
    const metadata = { model: model.name, backend: ops.name, mode: ops.mode, ids: ids.join(',') }
    await writeAtomically(options.out, encodeSafetensors(tensors, new Map(Object.entries(metadata))))
    const saes = options.hooks
      .map(splitName)
      .flatMap(({ hook, saeHook }) => (saeHook ? [describeBasis(model.saeConfig(hook))] : []))
    const result = {
      ...metadata,
      ids,
      tokens: model.tokenizer.pieces(ids),
      bos: options.ids ? 'nothing added to the ids given' : '<|endoftext|> before the text',
      basis: saes.length > 0 ? `SAEs read the ${[...new Set(saes)].join('; ')}` : 'the stream as it is',
      out: options.out,
      tensors: [...tensors].map(([name, tensor]) => ({ name, shape: tensor.shape, ...range(tensor) })),
    }
    if (options.json) return printJson(result, 1)
    for (const key of ['model', 'backend', 'mode', 'bos', 'basis', 'out'] as const)
      print(`${key.padEnd(9)}${visibleLine(result[key])}`)
    print(`tokens   ${result.tokens.map((piece) => visibleLine(JSON.stringify(piece))).join(' ')}`)
    const rows = result.tensors.map(({ name, shape, min, max }) => [name, shape.join(' x '), min, max])
    print(formatTable(['tensor', 'shape', 'min', 'max'], rows))
  })
})

/** The tensors of all names, in the order asked for; features become dense [tokens, d_sae]. */
async function captureAll(
  model: OpenModel,
  ids: readonly number[],
  names: readonly string[],
): Promise<Map<string, Tensor>> {
  const wanted = names.map((name) => ({ name, ...splitName(name) }))
  const hooks = wanted.map(({ hook }) => hook)
  refuseTypos(hooks, hookNames(model.gpt2.config))
  // An unknown SAE fails before the work.
  const targets = wanted.flatMap(({ hook, saeHook }) => (saeHook ? [model.saeConfig(hook).hookNameOut] : []))
  const captured = await userErrors(() => capture(model.gpt2, [ids], [...new Set([...hooks, ...targets])]))
  const tensors = new Map<string, Tensor>()
  for (const { name, hook, saeHook } of wanted) {
    const activation = captured.get(hook)!
    const ofSae = (sae: Sae, what: SaeHook) =>
      saeActivation(sae, what, activation, captured.get(sae.config.hookNameOut)!)
    tensors.set(name, saeHook ? await withSae(model, hook, (sae) => ofSae(sae, saeHook)) : activation)
  }
  return tensors
}

const digits = (name: string): string => name.replace(/\D/g, '')

/** A name that is nearly a hook's. What is like none is left to `capture`, which lists them. */
function refuseTypos(names: readonly string[], known: readonly string[]): void {
  for (const name of names.filter((name) => !known.includes(name))) {
    const nearest = closest(name, known)
    // Another number is no typo: the model has no such block.
    if (distance(name, nearest) <= 3 && digits(name) === digits(nearest))
      throw new UserError(`hook "${name}" is not known: did you mean ${nearest}?`)
  }
}

/** Unknown hooks and ids outside the vocabulary are the user's to mend. */
async function userErrors<T>(work: () => Promise<T>): Promise<T> {
  return work().catch((error: Error) => {
    throw new UserError(error.message, { cause: error })
  })
}

/** Of the finite numbers: scores are -infinity where a query may not look. */
function range({ data }: Tensor): { min: number; max: number } {
  let [min, max] = [Infinity, -Infinity]
  for (const value of data.filter(Number.isFinite)) [min, max] = [Math.min(min, value), Math.max(max, value)]
  return { min: Number(min.toPrecision(4)), max: Number(max.toPrecision(4)) }
}
