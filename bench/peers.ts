import { availableParallelism } from 'node:os'
import { UserError } from '../experiments/common/cli.ts'
import { createProgress } from '../experiments/common/progress.ts'
import { costOfMatmul, makeProblem, shapeOf, type Problem, type Size } from './matmul.ts'
import { everyone, packages } from './peers/all.ts'
import { resolvePath } from './peers/peer.ts'
import { RemotePeer } from './peers/remote.ts'
import { makeRow, type NotRun, type Row } from './results.ts'
import { measureRoofline, type Roofline } from './roofline.ts'
import { alternate, quickBudget, usualBudget, type Budget } from './timing.ts'

export interface PeersOptions {
  readonly backend: string
  readonly threads?: number
  readonly only?: readonly string[]
  readonly quick?: boolean
  readonly json?: boolean
}

/** GPT-2 small's MLP, and the encoder of an SAE of 24,576 features, at one token and more. */
const sizes: readonly Size[] = [
  [1, 768, 24576],
  [64, 768, 3072],
  [64, 768, 24576],
  [512, 768, 3072],
]

/** The same products by everyone, in alternating short rounds. Each is verified before any is timed. */
export async function benchPeers(options: PeersOptions): Promise<{ rows: Row[]; notRun: NotRun[] }> {
  const { backend, quick = false, json: quiet = false, threads = availableParallelism() } = options
  checkInstalled()
  const names = choose(
    everyone(backend, threads).map(({ name }) => name),
    options.only,
  )
  const roofline = await measureRoofline({ threads, quick })
  const { peers, notRun } = await startAll(names, { backend, threads })
  const rows = [...roofline.rows]
  const budget = quick ? quickBudget : usualBudget
  const used = quick ? sizes.slice(0, 2) : sizes
  try {
    const total = used.length * peers.length * budget.rounds
    using progress = createProgress({ label: 'measuring', total, unit: 'runs', quiet })
    for (const size of used)
      rows.push(...(await race(peers, await makeProblem(size), roofline, budget, () => progress.step())))
  } finally {
    for (const peer of peers) peer.stop()
  }
  return { rows, notRun }
}

function checkInstalled(): void {
  try {
    packages.forEach(resolvePath)
  } catch (error) {
    throw new UserError(
      'bench peers: the peers are not installed; install them with: npm ci --prefix bench/peers',
      { cause: error },
    )
  }
}

function choose(names: readonly string[], only: readonly string[] | undefined): string[] {
  if (!only) return [...names]
  for (const wanted of only)
    if (!names.some((name) => name.startsWith(wanted)))
      throw new UserError(`bench peers: --only ${wanted}: there are ${names.join('; ')}`)
  return names.filter((name) => only.some((wanted) => name.startsWith(wanted)))
}

async function startAll(
  names: readonly string[],
  options: { backend: string; threads: number },
): Promise<{ peers: RemotePeer[]; notRun: NotRun[] }> {
  const peers: RemotePeer[] = []
  const notRun: NotRun[] = []
  for (const name of names)
    try {
      peers.push(await RemotePeer.start(name, options))
    } catch (error) {
      notRun.push({ backend: name, reason: (error as Error).message })
    }
  return { peers, notRun }
}

async function race(
  peers: readonly RemotePeer[],
  problem: Problem,
  roofline: Roofline,
  budget: Budget,
  onRun: () => void,
): Promise<Row[]> {
  for (const peer of peers) await peer.prepare(problem)
  const samples = await alternate(
    peers.map((peer) => (time) => peer.run(time)),
    budget,
    onRun,
  )
  return peers.map(({ name: backend, mode, threads }, i) => {
    const name = { work: 'matmul', shape: shapeOf(problem), backend, mode, threads }
    return makeRow(name, samples[i], costOfMatmul(problem), roofline.ceiling(threads))
  })
}
