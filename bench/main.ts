// `npm run bench -- NAME`: how fast is it, where does the time go, and how far is that from what the machine can do?
import { createCommand, runMain } from '../experiments/lab/cli/cli.ts'
import { formatTable } from '../experiments/lab/cli/table.ts'
import type { Benchmark } from './benchmark.ts'
import { corpus } from './corpus.ts'
import { compareResults, comparisonTable } from './compare.ts'
import { experiment } from './experiment.ts'
import { explore } from './explore.ts'
import { generate } from './generate.ts'
import { gpujs } from './gpujs.ts'
import { kernels } from './kernels.ts'
import { layers } from './layers.ts'
import { showMachine } from './machine.ts'
import { memory } from './memory.ts'
import { peers } from './peers.ts'
import { publish } from './publish.ts'
import { readResults, saveAndPrint } from './results-file.ts'
import { sae } from './sae.ts'
import { train } from './train.ts'
import { benchmarkNames } from './tables.ts'
import { trainSae } from './train-sae.ts'

const program = createCommand(
  'bench',
  'How fast the engine is, compared with what this machine can do.',
).addHelpText(
  'after',
  `
Every benchmark takes --quick (fewer sizes and fewer samples: done in a minute), --json and --out FILE;
npm run bench -- NAME --help shows all its options.`,
)

function add<Options>({ name, description, addOptions, run, summary }: Benchmark<Options>): void {
  const isDefault = name === benchmarkNames[0]
  const command = program
    .command(name, { isDefault })
    .description(description)
    .option('--quick', 'fewer sizes and fewer samples: done in a minute')
    .option('--out <file>', 'results file (default: bench/results/NAME-DATE.json)')
  addOptions(command)
  // A word that is not a benchmark's name reaches the default benchmark as an argument.
  if (isDefault) command.allowExcessArguments()
  command.action(() => {
    const [unknown] = command.args
    if (unknown !== undefined)
      command.error(
        `error: there is no benchmark '${unknown}'; the benchmarks are ${benchmarkNames.join(', ')}`,
      )
    const options = command.optsWithGlobals<Options & { quick?: boolean; json?: boolean; out?: string }>()
    const { quick = false, json: quiet = false } = options
    runMain(async () => saveAndPrint(await run({ ...options, quick, quiet }), summary, options))
  })
}

add(layers)
add(kernels)
add(peers)
add(gpujs)
add(generate)
add(memory)
add(experiment)
add(sae)
add(trainSae)
add(explore)
add(train)
add(corpus)

const comparing = program
  .command('compare <a> <b>')
  .description('two results files, row by row')
  .action((a: string, b: string) => runMain(() => compare(a, b)))

program
  .command('tables <files...>')
  .description('writes the tables of results files into bench/tables/')
  .action((files: string[]) => {
    runMain(async () => console.log((await publish(files)).join('\n')))
  })

async function compare(a: string, b: string): Promise<void> {
  const comparison = compareResults(await readResults(a), await readResults(b))
  if (comparing.optsWithGlobals<{ json?: boolean }>().json) {
    console.log(JSON.stringify(comparison, null, 2))
    return
  }
  const { head, rows } = comparisonTable(comparison)
  console.log(`A: ${showMachine(comparison.a)}\nB: ${showMachine(comparison.b)}`)
  console.log(formatTable(head, rows))
}

program.parse()
