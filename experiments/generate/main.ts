// How does the model write on?
//   npm run generate -- --prompt "The captain"
//   npm run generate -- --prompt "The captain" --temperature 0      always the most probable token
// Prints the text as it comes, then the speed.
import { generate, type SamplingOptions } from '../../gpt2/generate.ts'
import { createCommand, integerIn, numberIn, positiveInteger, runMain, UserError } from '../common/cli.ts'
import { openModel } from '../common/models.ts'
import { addEngineOptions, withBackend, type EngineOptions } from '../common/options.ts'

interface Options extends EngineOptions, SamplingOptions {
  readonly prompt: string
  readonly tokens: number
  readonly json?: boolean
}

const command = addEngineOptions(createCommand('generate', 'write on from a prompt, a token at a time'))
  .requiredOption('--prompt <text>', 'the beginning; <|endoftext|> is put before it')
  .option('--tokens <n>', 'how many tokens to write at most', positiveInteger('tokens'), 60)
  .option(
    '--temperature <t>',
    'below 1 bolder, above 1 wilder, 0 always the most probable',
    numberIn('temperature', 0, 100),
    0.8,
  )
  .option('--top-k <k>', 'draw from the k most probable tokens only', positiveInteger('top-k'))
  .option(
    '--top-p <p>',
    'draw from the fewest tokens that reach this probability',
    numberIn('top-p', 0.000001, 1),
  )
  .option('--seed <n>', 'same seed, same text', integerIn('seed', 0), 0)
  .addHelpText(
    'after',
    '\nExample:\n  npm run generate -- --prompt "def add(a, b):" --temperature 0 --tokens 20',
  )
  .parse()

runMain(() => {
  const options = command.opts<Options>()
  return withBackend(options, async (ops) => {
    const model = await openModel(options.model, ops, { quiet: options.json })
    const prompt = options.prompt === '' ? [model.gpt2.config.bos] : model.tokenize(options.prompt)
    if (prompt.length > model.gpt2.config.nCtx)
      throw new UserError(`the prompt fills all ${model.gpt2.config.nCtx} positions; shorten it`)
    const decode = model.tokenizer.stream()
    const write = (text: string): void => {
      if (!options.json) process.stdout.write(text)
    }
    write(options.prompt)
    const ids: number[] = []
    let first = 0
    const started = performance.now()
    for await (const id of generate(model.gpt2, prompt, options.tokens, options)) {
      if (ids.push(id) === 1) first = performance.now() - started
      write(decode(id))
    }
    write(decode())
    const seconds = (performance.now() - started - first) / 1000
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
      prefill_ms: first,
      tokens_per_second: ids.length > 1 ? (ids.length - 1) / seconds : null,
    }
    if (options.json) return console.log(JSON.stringify(result))
    process.stdout.write('\n')
    const speed = result.tokens_per_second?.toFixed(0) ?? '–'
    console.error(
      Object.entries(settings)
        .map(([name, value]) => `${name} ${value ?? 'off'}`)
        .join(', '),
    )
    console.error(`${prompt.length} prompt tokens in ${first.toFixed(0)} ms, then ${speed} tokens/s`)
  })
})
