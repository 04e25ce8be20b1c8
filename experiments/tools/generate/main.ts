// How does the model continue a text?
//   npm run generate -- --prompt "The captain"
//   npm run generate -- --prompt "The captain" --temperature 0      always the most probable token
//   npm run generate -- --file - < story.txt                        from standard input, or a file
//   npm run generate -- --prompt "def add(" --edit off-3-74         and again without feature 74 of layer 3
// Prints the text as it comes, then why it ended and the speed.
import { InvalidArgumentError, Option } from 'commander'
import { setImmediate } from 'node:timers/promises'
import { generate, type SamplingOptions } from '../../../gpt2/generate.ts'
import {
  createCommand,
  integerIn,
  listOf,
  numberIn,
  oneOf,
  positiveInteger,
  runMain,
} from '../../lab/cli/cli.ts'
import { openModel, type OpenModel } from '../../lab/models/models.ts'
import { readChange, writeChange, WRITTEN, type Change } from '../../lab/models/changes.ts'
import { addEngineOptions, withBackend, type EngineOptions } from '../../lab/models/engine-options.ts'
import { count } from '../../lab/report/numbers.ts'
import { fileOption, givenText } from '../../lab/texts/given-text-node.ts'
import { tokenizePrompt, type NamedText } from '../../lab/texts/tokenize-texts.ts'
import { printJson, printNote, visibleLine } from '../../lab/cli/print.ts'
import { editHooks } from './edit.ts'

interface Options extends EngineOptions, SamplingOptions {
  readonly prompt?: string
  readonly file?: string
  readonly long: 'refuse' | 'cut'
  readonly tokens: number
  readonly edit?: readonly Change[]
  readonly force?: boolean
  readonly json?: boolean
}

/** What the model wrote, why it ended, and how fast it came. */
interface Continuation {
  readonly ids: readonly number[]
  readonly text: string
  readonly ended: string
  readonly prefill_ms: number
  readonly tokens_per_second: number | null
}

const command = addEngineOptions(createCommand('generate', 'continue a prompt, one token at a time'))
  .option('--prompt <text>', 'the text to continue, which may be empty; <|endoftext|> is put before it')
  .addOption(fileOption().conflicts('prompt'))
  .addOption(
    new Option(
      '--long <way>',
      'what to do with a prompt longer than the model’s context: refuse it, or cut it, keeping its end',
    )
      .argParser(oneOf('long', ['refuse', 'cut']))
      .default('refuse'),
  )
  .option('--tokens <n>', 'how many tokens to write at most', positiveInteger('tokens'), 60)
  .option(
    '--temperature <t>',
    'below 1 is more cautious, above 1 wilder; 0 always takes the most probable token',
    numberIn('temperature', 0, 100),
    0.8,
  )
  .option('--top-k <k>', 'draw from the k most probable tokens only (default: all)', positiveInteger('top-k'))
  .option(
    '--top-p <p>',
    'draw from the fewest tokens that reach this probability (default: 1, all)',
    numberIn('top-p', 0.000001, 1),
  )
  .option('--seed <n>', 'same seed, same text', integerIn('seed', 0, 2 ** 32 - 1), 0)
  .option(
    '--edit <changes>',
    `continue it a second time with these changes to the model, separated by commas, as in the Explorer’s links: ${Object.values(WRITTEN).join(', ')}`,
    listOf('edit', understood),
  )
  .option('--force', 'go on even if an SAE of --saes hardly rebuilds the prompt')
  .addHelpText(
    'after',
    '\nExamples:\n  npm run generate -- --prompt "def add(a, b):" --temperature 0 --tokens 20\n  npm run generate -- --prompt "def add(" --edit off-3-74,head-0-1\n  npm run -s generate -- --file - --long cut < story.txt',
  )
  .parse()

runMain(async () => {
  const options = command.opts<Options>()
  if (options.prompt === undefined && options.file === undefined)
    command.error('error: give --prompt or --file')
  const given = await givenText(command, options.prompt ?? '')
  await withBackend(options, async (ops) => {
    const model = await openModel(options.model, ops, { ...options, quiet: options.json })
    const { ids: prompt, long } = cutPrompt(model, given, options)
    // Before anything is written: what is wrong with them is said first.
    const hooks = options.edit && (await editHooks(model, options.edit, prompt, options))
    const edit = options.edit?.map(writeChange)
    const plain = await writeOn(model, given.text, prompt, options)
    const settings = {
      model: model.name,
      backend: ops.name,
      mode: ops.mode,
      temperature: options.temperature,
      topK: options.topK ?? null,
      topP: options.topP ?? null,
      seed: options.seed,
    }
    if (!options.json) {
      printNote(
        Object.entries(settings)
          .map(([name, value]) => `${name} ${value ?? 'off'}`)
          .join(', '),
      )
      if (long !== undefined) printNote(long)
      noteEnd(plain, prompt.length)
      if (edit) printNote(`with ${edit.join()}:`)
    }
    const edited = hooks && (await writeOn(model, given.text, prompt, { ...options, hooks }))
    if (options.json) return printJson({ ...settings, prompt: given.text, long, ...plain, edit, edited })
    if (edited) noteEnd(edited, prompt.length)
  })
})

/** A parser for one change of --edit. */
function understood(written: string): Change {
  const change = readChange(written)
  if (typeof change === 'string') throw new InvalidArgumentError(`edit: ${change}.`)
  return change
}

/** Continues the prompt, on standard output as it comes unless --json was given. prompt: ids with BOS */
async function writeOn(
  model: OpenModel,
  text: string,
  prompt: readonly number[],
  options: Options,
): Promise<Continuation> {
  const decode = model.tokenizer.stream()
  const write = (text: string): void => {
    if (!options.json) process.stdout.write(text.replace(/[^\n\t]+/g, visibleLine))
  }
  write(text)
  const ids: number[] = []
  let first = 0
  const started = performance.now()
  for await (const id of generate(model.gpt2, prompt, options.tokens, options)) {
    if (ids.push(id) === 1) first = performance.now() - started
    write(decode(id))
    await setImmediate() // Ctrl-C, and a reader that has left, are heard between tokens
  }
  write(`${decode()}\n`)
  const elapsed = performance.now() - started
  if (ids.length === 0) first = elapsed
  return {
    ids,
    text: model.tokenizer.decode(ids),
    ended: whyEnded(ids.length, options.tokens, model.gpt2.config.nCtx - prompt.length),
    prefill_ms: first,
    tokens_per_second: ids.length > 1 ? (1000 * (ids.length - 1)) / (elapsed - first) : null,
  }
}

/** Prints why it stopped, and how fast it was. */
function noteEnd(written: Continuation, promptTokens: number): void {
  const speed = written.tokens_per_second?.toFixed(0) ?? '–'
  printNote(`ended ${written.ended}`)
  printNote(
    `${count(promptTokens, 'token')} of prompt in ${written.prefill_ms.toFixed(0)} ms, then ${written.ids.length} at ${speed} tokens/s`,
  )
}

/** The prompt's ids, BOS first. Cut, its end is kept, with room for the tokens asked for in up to half of the context. */
function cutPrompt(
  model: OpenModel,
  given: NamedText,
  { long, tokens }: Pick<Options, 'long' | 'tokens'>,
): { ids: number[]; long?: string } {
  const { text, name } = given
  if (long === 'refuse' || text === '') return { ids: tokenizePrompt(model, given, '--long cut') }
  const { nCtx } = model.gpt2.config
  const [bos, ...ids] = model.tokenize(text, { name, anyLength: true })
  if (ids.length < nCtx) return { ids: [bos, ...ids] }
  const kept = nCtx - 1 - Math.min(tokens, Math.floor(nCtx / 2))
  return {
    ids: [bos, ...ids.slice(-kept)],
    long: `the prompt has ${ids.length} tokens, more than ${nCtx - 1}: cut to the last ${kept}`,
  }
}

/** free: positions behind the prompt; the token after the last position can still be told, but not read. */
function whyEnded(made: number, askedFor: number, free: number): string {
  if (made === askedFor) return `after the ${askedFor} tokens asked for`
  return made > free ? 'at the model’s last position' : 'at <|endoftext|>'
}
