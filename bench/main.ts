import { InvalidArgumentError, type Command } from 'commander'
import { backends, defaultBackend } from '../engine/backends.ts'
import { createCommand, integerIn, listOf, positiveInteger, runMain } from '../experiments/lab/cli/cli.ts'
import { addEngineOptions, type EngineOptions } from '../experiments/lab/models/engine-options.ts'
import { formatTable } from '../experiments/lab/cli/table.ts'
import { compareResults, comparisonTable } from './compare.ts'
import { benchExperiment, type ExperimentOptions } from './experiment.ts'
import { benchExplore, type ExploreOptions } from './explore.ts'
import { benchGenerate } from './generate.ts'
import { benchGpuJs, type GpuJsOptions } from './gpujs.ts'
import { benchKernels } from './kernels.ts'
import { benchLayers } from './layers.ts'
import { showMachine } from './machine.ts'
import type { Size } from './matmul.ts'
import { benchMemory } from './memory.ts'
import { benchPeers } from './peers.ts'
import { report, type ReportOptions } from './report.ts'
import { readResults } from './rows.ts'
import { benchSae, type SaeOptions } from './sae.ts'
import { encoderCases } from './sae-cases.ts'
import { rewriteReadme } from './tables.ts'

/**
 * Question: how fast is it, where does the time go, and how far is that from what the machine can do?
 * Command:  npm run bench, npm run bench -- kernels, peers, gpujs, generate, memory, experiment, compare A.json B.json, tables FILES
 * Prints:   a table of medians with p10 and p90, GFLOP/s, GB/s and the share of the measured roofline.
 */

type CommonOptions = ReportOptions & { quick?: boolean }

const program = createCommand('bench', 'How fast the engine is, held against what this machine can do.')

function addBench(name: string, description: string, { isDefault } = { isDefault: false }): Command {
  return program
    .command(name, { isDefault })
    .description(description)
    .option('--quick', 'fewer sizes and fewer samples: done in a minute')
    .option('--out <file>', 'results file (default: bench/results/NAME-DATE.json)')
}

const wholeModel = (command: Command) =>
  addEngineOptions(command, { model: false }).option(
    '--model <name>',
    'synthetic (GPT-2 small, weights from a formula), tiny (bundled), or a folder',
    'synthetic',
  )

wholeModel(
  addBench('layers', 'Layer by layer through a model and an SAE. This is the default.', { isDefault: true }),
)
  .option(
    '--tokens <list>',
    'how many tokens at once (default: 1,16,128,512; quick: 1,16)',
    listOf('tokens', positiveInteger('tokens')),
  )
  .option(
    '--layers <list>',
    'blocks that get rows of their own beside the sum over all',
    listOf('layers', integerIn('layer', 0)),
    [],
  )
  .action((_, command: Command) => {
    const options = command.optsWithGlobals<
      CommonOptions & EngineOptions & { tokens?: number[]; layers: number[] }
    >()
    runMain(async () => report({ rows: await benchLayers(options) }, options))
  })

addBench(
  'kernels',
  'A matrix product from three plain loops to every instruction there is, a step at a time.',
)
  .option(
    '--threads <n>',
    'threads of the steps that use several (default: all cores)',
    positiveInteger('threads'),
  )
  .action((_, command: Command) => {
    const options = command.optsWithGlobals<CommonOptions & { threads?: number }>()
    runMain(async () => report(await benchKernels(options), options))
  })

addBench('peers', 'The same products by other libraries, in alternating rounds of one run.')
  .option('--backend <name>', `what computes ours: ${Object.keys(backends).join(', ')}`, defaultBackend)
  .option('--threads <n>', 'threads of all who have any (default: all cores)', positiveInteger('threads'))
  .option('--only <list>', 'peers to run, by the beginning of their names', listOf('only'))
  .option(
    '--sizes <list>',
    'products to race on, MxKxN (default: GPT-2 small’s MLP and an SAE’s encoder)',
    listOf('sizes', readSize),
  )
  .action((_, command: Command) => {
    const options = command.optsWithGlobals<
      CommonOptions & { backend: string; threads?: number; only?: string[]; sizes?: Size[] }
    >()
    runMain(async () => report(await benchPeers(options), options))
  })

addBench('gpujs', 'Each op in each mode of gpu.js beside the other backends, and kernels naive and better.')
  .option('--browser', 'in Chromium, too, on its GPU')
  .option('--software', 'with --browser: on SwiftShader, for a machine without a GPU')
  .option(
    '--prefill <list>',
    'with --browser: tokens through all of GPT-2 small, and through its layers beside other libraries ' +
      '(default: 128,512 on a real GPU)',
    listOf('prefill', positiveInteger('tokens')),
  )
  .option('--tokens <n>', 'tokens at once (default: 64; quick: 16)', positiveInteger('tokens'))
  .option('--threads <n>', 'threads of all who have any (default: all cores)', positiveInteger('threads'))
  .option('--only <list>', 'works whose names begin so; race: beside other libraries', listOf('only'))
  .action((_, command: Command) => {
    const options = command.optsWithGlobals<CommonOptions & GpuJsOptions>()
    runMain(async () => report(await benchGpuJs(options), options))
  })

wholeModel(addBench('generate', 'Tokens a second: the prompt at once (prefill), then one by one (decode).'))
  .option(
    '--prompts <list>',
    'lengths of the prompts; quick takes the first',
    listOf('prompts', positiveInteger('length')),
    [16, 128],
  )
  .option('--new-tokens <n>', 'tokens to write', integerIn('new tokens', 2), 24)
  .action((_, command: Command) => {
    const options = command.optsWithGlobals<
      CommonOptions & EngineOptions & { prompts: number[]; newTokens: number }
    >()
    runMain(async () => report({ rows: await benchGenerate(options) }, options))
  })

wholeModel(
  addBench('memory', 'Peak resident memory of a process that loads a model and an SAE and runs them.'),
)
  .option('--tokens <n>', 'tokens of the text', positiveInteger('tokens'), 128)
  .action((_, command: Command) => {
    const options = command.optsWithGlobals<CommonOptions & EngineOptions & { tokens: number }>()
    runMain(async () => report(await benchMemory(options), options))
  })

wholeModel(
  addBench('experiment', 'The post’s experiment, part by part: 70 texts, four SAEs, from files to peaks.'),
)
  .option('--repeats <n>', 'runs of each (default: 5; quick: 1, on tiny)', positiveInteger('repeats'))
  .option(
    '--beside <command>',
    'a command that does the same, between our runs: see bench/experiment-pytorch.py',
  )
  .action((_, command: Command) => {
    const options = command.optsWithGlobals<CommonOptions & ExperimentOptions>()
    runMain(async () => report(await benchExperiment(options), options))
  })

addBench('sae', 'SAE encoders: all features computed, or screened first, beside onnxruntime-node.')
  .option('--threads <n>', 'threads of all who take part (default: all cores)', positiveInteger('threads'))
  .option(
    '--tokens <list>',
    'how many tokens at once (default: 1,64,256,1024; quick: 1,64)',
    listOf('tokens', positiveInteger('tokens')),
  )
  .option(
    '--only <list>',
    `SAEs to run, by the beginning of their names: ${Object.keys(encoderCases).join('; ')}`,
    listOf('only'),
  )
  .action((_, command: Command) => {
    const options = command.optsWithGlobals<CommonOptions & SaeOptions>()
    runMain(async () => report(await benchSae(options), options))
  })

addBench('explore', 'Typing in the Explorer, in Chromium: from the key to the picture, on every backend.')
  .option('--software', 'GPU modes on SwiftShader, for a machine without a GPU')
  .action((_, command: Command) => {
    const options = command.optsWithGlobals<CommonOptions & ExploreOptions>()
    runMain(async () => report(await benchExplore(options), options))
  })

program
  .command('compare <a> <b>')
  .description('Two results files, row by row.')
  .action((a: string, b: string, _, command: Command) => {
    const { json } = command.optsWithGlobals<{ json?: boolean }>()
    runMain(async () => compare(a, b, json))
  })

program
  .command('tables <files...>')
  .description('Writes the tables of results files into bench/README.md.')
  .action((files: string[]) => {
    runMain(async () => console.log(`bench/README.md: ${(await rewriteReadme(files)).join(', ')}`))
  })

/** `64x768x3072` */
function readSize(text: string): Size {
  const [m, k, n] = text.split('x').map(positiveInteger('a dimension of --sizes MxKxN'))
  if (n === undefined || text.split('x').length !== 3)
    throw new InvalidArgumentError(`sizes: expected MxKxN such as 64x768x3072, got '${text}'.`)
  return [m, k, n]
}

async function compare(a: string, b: string, json = false): Promise<void> {
  const comparison = compareResults(await readResults(a), await readResults(b))
  if (json) {
    console.log(JSON.stringify(comparison, null, 2))
    return
  }
  const { head, rows } = comparisonTable(comparison)
  console.log(`A: ${showMachine(comparison.a)}\nB: ${showMachine(comparison.b)}`)
  console.log(formatTable(head, rows))
}

program.parse()
