// How does the model write on?
//   npm run generate -- --prompt "The captain"
//   npm run generate -- --prompt "The captain" --temperature 0      always the most probable token
// Prints the text as it comes, then why it ended and the speed.
import { setImmediate } from 'node:timers/promises'
import { generate, type SamplingOptions } from '../../../gpt2/generate.ts'
import { createCommand, integerIn, numberIn, positiveInteger, runMain } from '../../lab/cli/cli.ts'
import { openModel, tokenizePrompt } from '../../lab/models/models.ts'
import { addEngineOptions, withBackend, type EngineOptions } from '../../lab/models/engine-options.ts'
import { count } from '../../lab/report/numbers.ts'
import { printJson, printNote, visibleLine } from '../../lab/cli/print.ts'

interface Options extends EngineOptions, SamplingOptions {
  readonly prompt: string
  readonly tokens: number
  readonly json?: boolean
}

const command = addEngineOptions(createCommand('generate', 'write on from a prompt, a token at a time'))
  .requiredOption('--prompt <text>', 'the beginning; <|endoftext|> is put before it (required)')
  .option('--tokens <n>', 'how many tokens to write at most', positiveInteger('tokens'), 60)
  .option(
    '--temperature <t>',
    'below 1 bolder, above 1 wilder, 0 always the most probable',
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
  .addHelpText(
    'after',
    '\nExample:\n  npm run generate -- --prompt "def add(a, b):" --temperature 0 --tokens 20',
  )
  .parse()

runMain(() => {
  const options = command.opts<Options>()
  return withBackend(options, async (ops) => {
    const model = await openModel(options.model, ops, { ...options, quiet: options.json })
    const prompt = tokenizePrompt(model, options.prompt)
    const decode = model.tokenizer.stream()
    const write = (text: string): void => {
      if (!options.json) process.stdout.write(text.replace(/[^\n\t]+/g, visibleLine))
    }
    write(options.prompt)
    const ids: number[] = []
    let first = 0
    const started = performance.now()
    for await (const id of generate(model.gpt2, prompt, options.tokens, options)) {
      if (ids.push(id) === 1) first = performance.now() - started
      write(decode(id))
      await setImmediate() // Ctrl-C, and a reader that has left, are heard between tokens
    }
    write(decode())
    const elapsed = performance.now() - started
    if (ids.length === 0) first = elapsed
    const settings = {
      model: model.name,
      backend: ops.name,
      mode: ops.mode,
      temperature: options.temperature,
      topK: options.topK ?? null,
      topP: options.topP ?? null,
      seed: options.seed,
    }
    const result = {
      ...settings,
      prompt: options.prompt,
      ids,
      text: model.tokenizer.decode(ids),
      ended: whyEnded(ids.length, options.tokens, model.gpt2.config.nCtx - prompt.length),
      prefill_ms: first,
      tokens_per_second: ids.length > 1 ? (1000 * (ids.length - 1)) / (elapsed - first) : null,
    }
    if (options.json) return printJson(result)
    process.stdout.write('\n')
    const speed = result.tokens_per_second?.toFixed(0) ?? '–'
    printNote(
      Object.entries(settings)
        .map(([name, value]) => `${name} ${value ?? 'off'}`)
        .join(', '),
    )
    printNote(`ended ${result.ended}`)
    printNote(
      `${count(prompt.length, 'token')} of prompt in ${first.toFixed(0)} ms, then ${ids.length} at ${speed} tokens/s`,
    )
  })
})

/** free: positions behind the prompt; the token after the last position can still be told, but not read. */
function whyEnded(made: number, askedFor: number, free: number): string {
  if (made === askedFor) return `after the ${askedFor} tokens asked for`
  return made > free ? 'at the model’s last position' : 'at <|endoftext|>'
}
