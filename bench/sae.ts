import { availableParallelism } from 'node:os'
import type { Backend } from '../engine/backend.ts'
import { createBackend } from '../engine/backends.ts'
import { createReferenceBackend } from '../engine/reference/backend.ts'
import type { ScreenCounts } from '../engine/screen-counts.ts'
import { sliceRows, toDense, type SparseRows } from '../engine/sparse.ts'
import { sourceOf } from '../engine/weights/weights.ts'
import { createProgress } from '../experiments/lab/cli/progress.ts'
import { costOfMatmul } from './matmul.ts'
import { onnxruntimeNode } from './peers/onnxruntime.ts'
import { makeRow, type NotRun, type Row, type ScreenUse } from './rows.ts'
import { measureRoofline, type Roofline } from './roofline.ts'
import { encoderCases, type EncoderCase } from './sae-cases.ts'
import { alternate, quickBudget, shortRuns, usualBudget, type Budget } from './timing.ts'
import { checkClose } from './verify.ts'

export interface SaeOptions {
  readonly threads?: number
  readonly tokens?: readonly number[]
  readonly only?: readonly string[]
  readonly quick?: boolean
  readonly json?: boolean
}

/** Tokens whose features are held to the reference. */
const VERIFIED = 4

/** What is the same for every case. */
interface Setting {
  readonly dense: Backend
  readonly screened: Backend
  readonly threads: number
  readonly roofline: Roofline
  readonly budget: Budget
  readonly onRun: () => void
}

/** One who takes part. */
interface Runner {
  readonly backend: string
  readonly mode: string
  readonly run: () => Promise<unknown>
  readonly release: () => unknown
}

/** SAE encoders in alternating rounds: all features computed, screened first, and the dense product alone by onnxruntime-node. */
export async function benchSae(
  options: SaeOptions,
): Promise<{ rows: Row[]; screening: ScreenUse[]; notRun: NotRun[] }> {
  const { quick = false, json: quiet = false, threads = availableParallelism(), only } = options
  const counts = options.tokens ?? (quick ? [1, 64] : [1, 64, 256, 1024])
  const names = Object.keys(encoderCases).filter(
    (name) => only?.some((part) => name.startsWith(part)) ?? true,
  )
  const roofline = await measureRoofline({ threads, quick })
  const dense = await createBackend('wasm', { threads, sparseEncoder: 'dense' })
  const screened = await createBackend('wasm', { threads, sparseEncoder: 'screened' })
  const budget = quick ? quickBudget : usualBudget
  const rows = [...roofline.rows]
  const screening: ScreenUse[] = []
  const notRun = new Map<string, NotRun>()
  const total = names.length * counts.length * budget.rounds * 3
  using progress = createProgress({ label: 'measuring', total, unit: 'runs', quiet })
  const setting = { dense, screened, threads, roofline, budget, onRun: () => progress.step() }
  for (const name of names) {
    const problem = await encoderCases[name](Math.max(...counts))
    for (const tokens of counts) {
      const part = { ...problem, x: problem.x.rows(0, tokens) }
      const [all, found] = [
        await ours(dense, 'wasm, dense', part),
        await ours(screened, 'wasm, screened', part),
      ]
      await verify(all, found, part)
      const peer = await onnxruntime(part, threads)
      if ('reason' in peer) notRun.set(peer.backend, peer)
      const runners = 'reason' in peer ? [all, found] : [all, found, peer]
      const measured = await race(setting, name, part, runners)
      rows.push(...measured.rows)
      screening.push(measured.use)
    }
  }
  await dense.dispose()
  await screened.dispose()
  return { rows, screening, notRun: [...notRun.values()] }
}

interface Ours extends Runner {
  readonly run: () => Promise<SparseRows>
}

async function ours(ops: Backend, backend: string, { x, weight, bias }: EncoderCase): Promise<Ours> {
  const layer = await ops.prepareLinear(sourceOf('W_enc', weight), sourceOf('b_enc', bias))
  return {
    backend,
    mode: ops.mode,
    run: async () => {
      let features: SparseRows | undefined
      await ops.scope(async (ops) => {
        features = await ops.sparseEncode(ops.upload(x), layer)
      })
      return features!
    },
    release: () => ops.release(layer),
  }
}

/** C = x W alone, without bias, ReLU and sparse form. */
async function onnxruntime({ x, weight }: EncoderCase, threads: number): Promise<Runner | NotRun> {
  const { name: backend, start } = onnxruntimeNode(threads)
  const [m, k, n] = [x.shape[0], ...weight.shape]
  try {
    const { mode, prepare } = await start()
    const matmul = await prepare({ m, k, n, a: x.data, b: weight.data, expected: new Float32Array() })
    const run = async () => matmul.run()
    await run()
    return { backend, mode, run, release: () => matmul.release?.() }
  } catch (error) {
    return { backend, reason: (error as Error).message }
  }
}

/** @throws unless the screened features are the dense ones bit for bit, and those the reference's but for rounding */
async function verify(dense: Ours, screened: Ours, { x, weight, bias }: EncoderCase): Promise<void> {
  const [all, found] = [await dense.run(), await screened.run()]
  for (const part of ['offsets', 'indices', 'values'] as const)
    if (Buffer.compare(bytesOf(all[part]), bytesOf(found[part])) !== 0)
      throw new Error(`bench sae: screened and dense ${part} differ; nothing is timed`)
  const tokens = Math.min(VERIFIED, x.shape[0])
  const reference = createReferenceBackend()
  const layer = await reference.prepareLinear(sourceOf('W_enc', weight), sourceOf('b_enc', bias))
  const expected = toDense(await reference.sparseEncode(x.rows(0, tokens), layer))
  checkClose('sparseEncode', expected.shape, toDense(sliceRows(found, 0, tokens)).data, expected.data)
}

function bytesOf(numbers: Uint32Array | Float32Array): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)
}

async function race(
  { screened, threads, roofline, budget, onRun }: Setting,
  work: string,
  { x, weight }: EncoderCase,
  runners: readonly Runner[],
): Promise<{ rows: Row[]; use: ScreenUse }> {
  const [m, k, n] = [x.shape[0], ...weight.shape]
  const shape = `${m}x${k}x${n}`
  const before = { ...screened.screening! }
  const samples = await alternate(
    runners.map(({ run }) => shortRuns(run)),
    budget,
    onRun,
  )
  const ceiling = roofline.ceiling(threads)
  const rows = runners.map(({ backend, mode }, i) =>
    makeRow({ work, shape, backend, mode, threads }, samples[i], costOfMatmul({ m, k, n }), ceiling),
  )
  for (const { release } of runners) await release()
  return { rows, use: screenUse({ work, shape }, rows, screened.screening!, before) }
}

/** What the screen did in a race: counts a token, shares of its time, how often as fast as the others. */
function screenUse(
  name: Pick<Row, 'work' | 'shape'>,
  [dense, screened, peer]: readonly (Row | undefined)[],
  now: ScreenCounts,
  before: ScreenCounts,
): ScreenUse {
  const since = (key: keyof ScreenCounts) => now[key] - before[key]
  const tokens = since('rows') + since('denseRows')
  const parts = [since('secondsScreening'), since('secondsCollecting'), since('secondsDense')]
  const seconds = parts.reduce((sum, part) => sum + part, 0)
  const perScreened = (key: keyof ScreenCounts) => (since('rows') === 0 ? null : since(key) / since('rows'))
  return {
    ...name,
    active: since('active') / tokens,
    after_one_digit: perScreened('afterOneDigit'),
    candidates: perScreened('candidates'),
    dense_tokens: since('denseRows') / tokens,
    screening: parts[0] / seconds,
    collecting: parts[1] / seconds,
    dense: parts[2] / seconds,
    over_dense: dense!.median_ms / screened!.median_ms,
    over_peer: peer ? peer.median_ms / screened!.median_ms : null,
  }
}
