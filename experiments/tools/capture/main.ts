// What does the model hold at a point of its forward pass? Writes activations for NumPy and other tools.
//   npm run capture -- --text "Hello" --hooks blocks.3.hook_resid_pre,logits --out hello.safetensors
//   npm run capture -- --texts mine.jsonl --hooks blocks.3.hook_resid_pre --out mine.safetensors
// Prints the tokens, and the name, shape and range of each tensor written.
import { Option } from 'commander'
import { closest, distance } from 'fastest-levenshtein'
import { encodeSafetensors } from '../../../engine/weights/safetensors.ts'
import type { Tensor } from '../../../engine/tensor.ts'
import { hookNames } from '../../../gpt2/hooks.ts'
import { capture, type Gpt2 } from '../../../gpt2/model.ts'
import { describeBasis } from '../../../sae/config.ts'
import type { Sae } from '../../../sae/weights.ts'
import { createCommand, integerIn, listOf, runMain } from '../../lab/cli/cli.ts'
import { UserError } from '../../lab/cli/user-error.ts'
import { captureStreams } from '../../lab/models/features.ts'
import { openModel, withSae, type OpenModel } from '../../lab/models/models.ts'
import { checkSaes } from '../../lab/models/preflight.ts'
import { addEngineOptions, withBackend, type EngineOptions } from '../../lab/models/engine-options.ts'
import { print, printJson, visibleLine } from '../../lab/cli/print.ts'
import { createProgress } from '../../lab/cli/progress.ts'
import { rowsMetadata, rowsOf } from '../../lab/texts/captured-rows.ts'
import { fileOption, givenText } from '../../lab/texts/given-text-node.ts'
import { textsNamed } from '../../lab/texts/named-texts.ts'
import {
  longOption,
  namedAfter,
  tokenizeTexts,
  type Long,
  type NamedText,
} from '../../lab/texts/tokenize-texts.ts'
import { formatTable } from '../../lab/cli/table.ts'
import { checkWritable, writeAtomically } from '../../lab/cli/write-node.ts'
import { saeActivation, SAE_HOOKS, splitName, type SaeHook } from './sae-activations.ts'

interface Options extends EngineOptions {
  readonly text?: string
  readonly file?: string
  readonly ids?: readonly number[]
  readonly texts?: string
  readonly long: Long
  readonly hooks: readonly string[]
  readonly out: string
  readonly force?: boolean
  readonly json?: boolean
}

const command = addEngineOptions(
  createCommand('capture', 'write a model’s activations at named hooks to a safetensors file (F32)'),
)
  .option('--text <text>', 'the text; <|endoftext|> is put before it')
  .addOption(
    new Option('--ids <list>', 'token ids instead of a text; nothing is added')
      .argParser(listOf('ids', integerIn('id', 0)))
      .conflicts(['text', 'file', 'texts']),
  )
  .addOption(fileOption().conflicts(['text', 'texts']))
  .addOption(
    new Option(
      '--texts <path>',
      'many texts, as for npm start: JSON, JSON lines, CSV, TSV, a folder of CATEGORY.txt, or the word published',
    ).conflicts('text'),
  )
  .addOption(longOption())
  .requiredOption(
    '--hooks <list>',
    `TransformerLens names, or HOOK.NAME for the SAE of HOOK; see below (required)`,
    listOf('hooks'),
  )
  .requiredOption('--out <file>', 'the safetensors file to write (required)')
  .option('--force', 'write even if an SAE hardly rebuilds these texts; SAEs are not checked on --ids')
  .addHelpText(
    'after',
    `
Hooks: ${hookNames({ nLayers: 1 }).join(', ').replaceAll('blocks.0', 'blocks.N')}
For the SAE of a hook: ${SAE_HOOKS.join(', ')}. What each holds: gpt2/HOOKS.md

The rows of a tensor are the tokens of all texts, end to end, each text beginning with a row for BOS. The file's metadata
holds the ids of all rows; as JSON, rows: [first row, row after the last] of each text; as JSON, categories: one for each text.
npm run analyse reads SAE features written this way, and pools them.
In Python: with safe_open("mine.safetensors", "np") as f: first, end = json.loads(f.metadata()["rows"])[2]

Examples:
  npm run capture -- --texts mine.jsonl --hooks blocks.3.hook_resid_pre --out mine.safetensors
  npm run capture -- --text "Hello world" --hooks blocks.3.hook_resid_pre,logits --out hello.safetensors
  npm run capture -- --ids 4096,67,891 --hooks blocks.5.hook_resid_pre.hook_sae_acts_post --out features.safetensors`,
  )
  .parse()

const options = command.opts<Options>()
if ([options.text, options.ids, options.file, options.texts].every((given) => given === undefined))
  command.error('error: give --text, --file, --texts or --ids')
if (options.out === '') command.error('error: --out needs the name of a file')

runMain(async () => {
  await checkWritable(options.out)
  const { texts, categories } = await textsGiven()
  await withBackend(options, async (ops) => {
    const model = await openModel(options.model, ops, { ...options, quiet: options.json })
    const { ids, long } = options.ids ? { ids: [options.ids] } : tokenizeTexts(model, texts, options.long)
    const saeHooks = options.hooks.map(splitName).flatMap(({ hook, saeHook }) => (saeHook ? [hook] : []))
    if (!options.ids)
      await checkSaes(model, ids, [...new Set(saeHooks)], { quiet: options.json, force: options.force })
    const tensors = await captureAll(model, ids, options.hooks)
    const rows = rowsOf(ids)
    const beginWithBos = ids.every(([first]) => first === model.gpt2.config.bos)
    const metadata = {
      ...{ model: model.name, backend: ops.name, mode: ops.mode, ids: ids.flat().join(',') },
      ...(beginWithBos && rowsMetadata(rows, categories)),
    }
    await writeAtomically(options.out, encodeSafetensors(tensors, new Map(Object.entries(metadata))))
    const saes = saeHooks.map((hook) => describeBasis(model.saeConfig(hook)))
    const result = {
      ...{ model: model.name, backend: ops.name, mode: ops.mode },
      ids: ids.flat(),
      tokens: model.tokenizer.pieces(ids.flat()),
      texts: categories?.map((category, i) => ({ category, rows: rows[i] })),
      bos: options.ids
        ? 'nothing added to the ids given'
        : `<|endoftext|> before ${ids.length > 1 ? 'each' : 'the'} text`,
      long,
      basis: saes.length > 0 ? `SAEs read the ${[...new Set(saes)].join('; ')}` : 'the stream as it is',
      out: options.out,
      tensors: [...tensors].map(([name, tensor]) => ({ name, shape: tensor.shape, ...range(tensor) })),
    }
    if (options.json) return printJson(result, 1)
    for (const key of ['model', 'backend', 'mode', 'bos', 'long', 'basis', 'out'] as const)
      if (result[key] !== undefined) print(`${key.padEnd(9)}${visibleLine(result[key])}`)
    if (ids.length > 1) print(`texts    ${ids.length}, ${result.ids.length} tokens with BOS`)
    else print(`tokens   ${result.tokens.map((piece) => visibleLine(JSON.stringify(piece))).join(' ')}`)
    const lines = result.tensors.map(({ name, shape, min, max }) => [name, shape.join(' x '), min, max])
    print(formatTable(['tensor', 'shape', 'min', 'max'], lines))
  })
})

/** The texts of --texts, --file or --text; those of --texts have categories. */
async function textsGiven(): Promise<{ texts: NamedText[]; categories?: string[] }> {
  const { texts, text = '', offline } = options
  if (texts === undefined) return { texts: [await givenText(command, text)] }
  const labelled = await textsNamed({ texts, offline }, { leastCategories: 1 })
  return { texts: namedAfter(texts, labelled), categories: labelled.map(({ category }) => category) }
}

/** The tensors of all names, in the order asked for; features become dense [tokens, d_sae]. */
async function captureAll(
  model: OpenModel,
  ids: readonly (readonly number[])[],
  names: readonly string[],
): Promise<Map<string, Tensor>> {
  const wanted = names.map((name) => ({ name, ...splitName(name) }))
  const hooks = wanted.map(({ hook }) => hook)
  refuseTypos(hooks, hookNames(model.gpt2.config))
  // An unknown SAE fails before the work.
  const targets = wanted.flatMap(({ hook, saeHook }) => (saeHook ? [model.saeConfig(hook).hookNameOut] : []))
  const captured = await userErrors(() => captureHooks(model.gpt2, ids, [...new Set([...hooks, ...targets])]))
  const tensors = new Map<string, Tensor>()
  for (const { name, hook, saeHook } of wanted) {
    const activation = captured.get(hook)!
    const ofSae = (sae: Sae, what: SaeHook) =>
      saeActivation(sae, what, activation, captured.get(sae.config.hookNameOut)!)
    tensors.set(name, saeHook ? await withSae(model, hook, (sae) => ofSae(sae, saeHook)) : activation)
  }
  return tensors
}

/** One text that fits is captured as it is; many, or a long one, row by row. */
async function captureHooks(
  gpt2: Gpt2,
  ids: readonly (readonly number[])[],
  hooks: readonly string[],
): Promise<Map<string, Tensor>> {
  if (options.ids || (ids.length === 1 && ids[0].length <= gpt2.config.nCtx)) return capture(gpt2, ids, hooks)
  const pattern = hooks.find((hook) => hook.endsWith('.hook_pattern'))
  if (pattern !== undefined)
    throw new Error(
      `${pattern} [heads, tokens, keys] has no row for each token: capture one text that fits the context`,
    )
  using progress = createProgress({
    label: 'forward pass',
    total: ids.length,
    unit: 'texts',
    quiet: options.json,
  })
  return await captureStreams(gpt2, ids, hooks, (done) => progress.update(done))
}

const digits = (name: string): string => name.replace(/\D/g, '')

/** @throws UserError for a name close to a hook's. A name close to none is left to `capture`, which lists the hooks. */
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

/** The range of the finite numbers: scores are -infinity where a query may not look. */
function range({ data }: Tensor): { min: number; max: number } {
  let [min, max] = [Infinity, -Infinity]
  for (const value of data.filter(Number.isFinite)) [min, max] = [Math.min(min, value), Math.max(max, value)]
  return { min: Number(min.toPrecision(4)), max: Number(max.toPrecision(4)) }
}
