// `bench peers`: the same products by other libraries, in alternating rounds of one run.
import { InvalidArgumentError } from 'commander'
import { availableParallelism } from 'node:os'
import { backends, defaultBackend } from '../engine/backends.ts'
import { listOf, positiveInteger } from '../experiments/lab/cli/cli.ts'
import { UserError } from '../experiments/lab/cli/user-error.ts'
import { addThreads, namesChosen, timesAsFast, type Benchmark } from './benchmark.ts'
import { timeProducts, type Problem, type Size } from './matmul.ts'
import { everyone, packages } from './peers/all.ts'
import { isInstalled } from './peers/peer.ts'
import { startInProcess } from './peers/remote.ts'
import type { Runner } from './side-by-side.ts'

interface PeersOptions {
  readonly backend: string
  readonly threads?: number
  readonly only?: readonly string[]
  readonly sizes?: readonly Size[]
}

/** GPT-2 small's MLP, and the encoder of an SAE of 24,576 features, at one token and more. */
const usualSizes: readonly Size[] = [
  [1, 768, 24576],
  [64, 768, 3072],
  [64, 768, 24576],
  [512, 768, 3072],
]

export const peers: Benchmark<PeersOptions> = {
  name: 'peers',
  description: 'the same products by other libraries, in turns',
  addOptions: (command) =>
    addThreads(command)
      .option('--backend <name>', `what computes ours: ${Object.keys(backends).join(', ')}`, defaultBackend)
      .option('--only <list>', 'peers to run, by the beginning of their names', listOf('only'))
      .option(
        '--sizes <list>',
        'products to race on, MxKxN (default: GPT-2 small’s MLP and an SAE’s encoder)',
        listOf('sizes', readSize),
      ),

  async run({ backend, only, sizes, threads = availableParallelism(), quick, quiet }) {
    if (!packages.every(isInstalled))
      throw new UserError(
        'bench peers: the peers are not installed; install them with: npm ci --prefix bench/peers',
      )
    const everyName = everyone(backend, threads).map(({ name }) => name)
    const starts = namesChosen('peers', 'peer', everyName, only).map(
      (name) => [name, () => startInProcess(name, backend, threads)] as const,
    )
    const used = sizes ?? (quick ? usualSizes.slice(0, 2) : usualSizes)
    return timeProducts(used, starts, { threads, quick, quiet }, fits)
  },

  summary({ rows }) {
    const products = rows.filter(({ work }) => work === 'matmul')
    const others = products.filter(({ backend }) => /^(onnxruntime|tfjs|jax-js|gpu\.js)/.test(backend))
    const own = products.filter((row) => !others.includes(row) && !row.backend.includes('128-bit'))
    const most = Math.max(...own.map(({ threads }) => threads))
    const ours = own.filter(({ threads }) => threads === most)
    const inWasm = others.filter(({ mode }) => /^(wasm|webasm)/.test(mode))
    const native = others.filter(({ mode, threads }) => mode === 'native' && threads === most)
    return [
      timesAsFast('the fastest other in WebAssembly', ours, inWasm),
      timesAsFast('onnxruntime-node, which is native', ours, native),
    ].join('; ')
  },
}

/** The encoder is one of an SAE of 24,576 features. */
function fits([, , n]: Size, { work }: Runner<Problem>): boolean {
  return work !== 'sae.encode' || n === 24576
}

/** `64x768x3072` */
function readSize(text: string): Size {
  const [m, k, n] = text.split('x').map(positiveInteger('a dimension of --sizes MxKxN'))
  if (n === undefined || text.split('x').length !== 3)
    throw new InvalidArgumentError(`sizes: expected MxKxN such as 64x768x3072, got '${text}'.`)
  return [m, k, n]
}
