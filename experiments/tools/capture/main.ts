// What does the model hold at a point of its forward pass? Writes activations for numpy and friends.
//   npm run capture -- --text "Hello" --hooks blocks.3.hook_resid_pre,logits --out hello.safetensors
// Prints the tokens, and the name, shape and range of each tensor written.
import { Option } from 'commander'
import { closest, distance } from 'fastest-levenshtein'
import { toDense } from '../../../engine/sparse.ts'
import { encodeSafetensors } from '../../../engine/weights/safetensors.ts'
import type { Tensor } from '../../../engine/tensor.ts'
import { hookNames } from '../../../gpt2/hooks.ts'
import { capture } from '../../../gpt2/model.ts'
import { describeBasis } from '../../../sae/config.ts'
import type { Sae } from '../../../sae/weights.ts'
import { createCommand, integerIn, listOf, runMain } from '../../lab/cli/cli.ts'
import { UserError } from '../../lab/cli/user-error.ts'
import { encodeStream } from '../../lab/models/features.ts'
import { openModel, withSae, type OpenModel } from '../../lab/models/models.ts'
import { addEngineOptions, withBackend, type EngineOptions } from '../../lab/models/engine-options.ts'
import { print, printJson, visibleLine } from '../../lab/cli/print.ts'
import { formatTable } from '../../lab/cli/table.ts'
import { checkWritable, writeAtomically } from '../../lab/cli/write-node.ts'

interface Options extends EngineOptions {
  readonly text?: string
  readonly ids?: readonly number[]
  readonly hooks: readonly string[]
  readonly out: string
  readonly json?: boolean
}

/** `HOOK.hook_sae_acts_post` asks for the features of the SAE of HOOK; the name is SAELens'. */
const saeSuffix = '.hook_sae_acts_post'

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
    `TransformerLens names, or HOOK${saeSuffix} for SAE features (required)`,
    listOf('hooks'),
  )
  .requiredOption('--out <file>', 'the safetensors file to write (required)')
  .addHelpText(
    'after',
    `
Hooks: ${hookNames({ nLayers: 1 }).join(', ').replaceAll('blocks.0', 'blocks.N')}

Examples:
  npm run capture -- --text "Hello world" --hooks blocks.3.hook_resid_pre,logits --out hello.safetensors
  npm run capture -- --ids 4096,67,891 --hooks blocks.5.hook_resid_pre${saeSuffix} --out features.safetensors`,
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
    const saes = options.hooks.filter(isSae).map((name) => describeBasis(model.saeConfig(hookOf(name))))
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

const isSae = (name: string): boolean => name.endsWith(saeSuffix)
const hookOf = (name: string): string => (isSae(name) ? name.slice(0, -saeSuffix.length) : name)

/** The tensors of all names, in the order asked for; features become dense [tokens, d_sae]. */
async function captureAll(
  model: OpenModel,
  ids: readonly number[],
  names: readonly string[],
): Promise<Map<string, Tensor>> {
  refuseTypos(names.map(hookOf), hookNames(model.gpt2.config))
  for (const name of names.filter(isSae)) model.saeConfig(hookOf(name)) // an unknown SAE fails before the work
  const captured = await userErrors(() => capture(model.gpt2, [ids], [...new Set(names.map(hookOf))]))
  const tensors = new Map<string, Tensor>()
  for (const name of names) {
    const hook = hookOf(name)
    const activation = captured.get(hook)!
    const encode = (sae: Sae) => encodeStream(model.gpt2.ops, sae, activation)
    tensors.set(name, isSae(name) ? toDense(await withSae(model, hook, encode)) : activation)
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

function range({ data }: Tensor): { min: number; max: number } {
  let [min, max] = [Infinity, -Infinity]
  for (const value of data) [min, max] = [Math.min(min, value), Math.max(max, value)]
  return { min: Number(min.toPrecision(4)), max: Number(max.toPrecision(4)) }
}
