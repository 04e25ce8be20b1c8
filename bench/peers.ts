import { availableParallelism } from 'node:os'
import { UserError } from '../experiments/lab/cli/cli.ts'
import { createProgress } from '../experiments/lab/cli/progress.ts'
import { costOfMatmul, makeProblem, shapeOf, type Problem, type Size } from './matmul.ts'
import { everyone, packages } from './peers/all.ts'
import { resolvePath, type PeerEntry } from './peers/peer.ts'
import { RemotePeer } from './peers/remote.ts'
import { makeRow, type NotRun, type Row } from './rows.ts'
import { measureRoofline, type Roofline } from './roofline.ts'
import { alternate, quickBudget, usualBudget, type Budget } from './timing.ts'

export interface PeersOptions {
  readonly backend: string
  readonly threads?: number
  readonly only?: readonly string[]
  readonly sizes?: readonly Size[]
  readonly quick?: boolean
  readonly json?: boolean
}

/** GPT-2 small's MLP, and the encoder of an SAE of 24,576 features, at one token and more. */
const usualSizes: readonly Size[] = [
  [1, 768, 24576],
  [64, 768, 3072],
  [64, 768, 24576],
  [512, 768, 3072],
]

/** The same products by everyone, in alternating short rounds. Each is verified before any is timed. */
export async function benchPeers(options: PeersOptions): Promise<{ rows: Row[]; notRun: NotRun[] }> {
  const { backend, quick = false, json: quiet = false, threads = availableParallelism() } = options
  checkInstalled()
  const entries = choose(everyone(backend, threads), options.only)
  const roofline = await measureRoofline({ threads, quick })
  const { peers, notRun } = await startAll(entries, { backend, threads })
  const rows = [...roofline.rows]
  const budget = quick ? quickBudget : usualBudget
  const sizes = options.sizes ?? (quick ? usualSizes.slice(0, 2) : usualSizes)
  try {
    const total = sizes.flatMap((size) => racingOn(size, peers)).length * budget.rounds
    using progress = createProgress({ label: 'measuring', total, unit: 'runs', quiet })
    for (const size of sizes)
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

function choose(entries: readonly PeerEntry[], only: readonly string[] | undefined): PeerEntry[] {
  if (!only) return [...entries]
  for (const wanted of only)
    if (!entries.some(({ name }) => name.startsWith(wanted)))
      throw new UserError(
        `bench peers: --only ${wanted}: there are ${entries.map(({ name }) => name).join('; ')}`,
      )
  return entries.filter(({ name }) => only.some((wanted) => name.startsWith(wanted)))
}

async function startAll(
  entries: readonly PeerEntry[],
  options: { backend: string; threads: number },
): Promise<{ peers: RemotePeer[]; notRun: NotRun[] }> {
  const peers: RemotePeer[] = []
  const notRun: NotRun[] = []
  for (const entry of entries)
    try {
      peers.push(await RemotePeer.start(entry, options))
    } catch (error) {
      notRun.push({ backend: entry.name, reason: (error as Error).message })
    }
  return { peers, notRun }
}

function racingOn([m, k, n]: Size, peers: readonly RemotePeer[]): RemotePeer[] {
  return peers.filter(({ entry }) => entry.fits?.({ m, k, n }) ?? true)
}

async function race(
  peers: readonly RemotePeer[],
  problem: Problem,
  roofline: Roofline,
  budget: Budget,
  onRun: () => void,
): Promise<Row[]> {
  const racing = racingOn([problem.m, problem.k, problem.n], peers)
  for (const peer of racing) await peer.prepare(problem)
  const samples = await alternate(
    racing.map((peer) => (time) => peer.run(time)),
    budget,
    onRun,
  )
  return racing.map(({ entry, mode, threads }, i) => {
    const { name: backend, work = 'matmul' } = entry
    const name = { work, shape: shapeOf(problem), backend, mode, threads }
    return makeRow(name, samples[i], costOfMatmul(problem), roofline.ceiling(threads))
  })
}
