// `bench sae`: SAE encoders that compute all features or screen them first, and the dense product alone by onnxruntime-node.
import { availableParallelism } from 'node:os'
import type { Backend, Encoder } from '../engine/backend.ts'
import { createBackend } from '../engine/backends.ts'
import { createReferenceBackend } from '../engine/reference/backend.ts'
import type { ScreenCounts } from '../engine/screen-counts.ts'
import { sliceRows, toDense, type SparseRows } from '../engine/sparse.ts'
import { sourceOf } from '../engine/weights/weights.ts'
import { listOf, positiveInteger } from '../experiments/lab/cli/cli.ts'
import { addThreads, timesAsFast, type Benchmark } from './benchmark.ts'
import { costOfMatmul, matmulRunner, problemOf } from './matmul.ts'
import { onnxruntimeNode } from './peers/onnxruntime.ts'
import { measureRoofline } from './roofline.ts'
import { screenParts, threadsOf, type Row, type ScreenUse } from './rows.ts'
import { encoderCases, type EncoderCase } from './sae-cases.ts'
import { timeSideBySide, type Case, type Runner, type Starts } from './side-by-side.ts'
import { shortRuns } from './timing.ts'
import { checkClose, inScope } from './verify.ts'

interface SaeOptions {
  readonly threads?: number
  readonly tokens?: readonly number[]
  readonly only?: readonly string[]
}

/** Tokens whose features are checked against the reference. */
const VERIFIED = 4

export const sae: Benchmark<SaeOptions> = {
  name: 'sae',
  description: 'SAE encoders, dense and screened, and a native product',
  addOptions: (command) =>
    addThreads(command)
      .option(
        '--tokens <list>',
        'how many tokens at once (default: 1,64,256,1024; quick: 1,64)',
        listOf('tokens', positiveInteger('tokens')),
      )
      .option(
        '--only <list>',
        `SAEs to run, by the beginning of their names: ${Object.keys(encoderCases).join('; ')}`,
        listOf('only'),
      ),

  async run({ quick, quiet, threads = availableParallelism(), tokens, only }) {
    const roofline = await measureRoofline({ threads, quick })
    const [dense, screened] = [
      await createBackend('wasm', { threads, sparseEncoder: 'dense' }),
      await createBackend('wasm', { threads, sparseEncoder: 'screened' }),
    ]
    let all: SparseRows // the dense encoder's features
    let before: ScreenCounts // once verified
    const starts = [
      startEncoder('wasm, dense', dense, async (features) => void (all = features)),
      startEncoder('wasm, screened', screened, async (features, problem) => {
        await verify(all, features, problem)
        before = { ...screened.screening! }
      }),
      startNative(threads),
    ]
    const cases = casesOf(tokens ?? (quick ? [1, 64] : [1, 64, 256, 1024]), only)
    const screening: ScreenUse[] = []
    const onRows = (rows: readonly Row[]) => screening.push(screenUse(rows, screened.screening!, before))
    const { rows, notRun } = await timeSideBySide(starts, () => cases, { quick, quiet, roofline, onRows })
    return { rows, screening, notRun }
  },

  summary({ rows }) {
    const of = (start: string) => rows.filter(({ backend }) => backend.startsWith(start))
    const ours = of('wasm, screened')
    return [
      timesAsFast('our dense encoder', ours, of('wasm, dense')),
      timesAsFast('onnxruntime-node, which is native', ours, of('onnxruntime-node')),
    ].join('; ')
  },
}

/** One SAE at several numbers of tokens; its weights are made once. */
function casesOf(counts: readonly number[], only: readonly string[] | undefined): Case<EncoderCase>[] {
  const chosen = Object.entries(encoderCases).filter(
    ([name]) => only?.some((part) => name.startsWith(part)) ?? true,
  )
  return chosen.flatMap(([work, { size, make }]) => {
    let whole: EncoderCase | undefined
    return counts.map((tokens) => ({
      work,
      shape: [tokens, ...size].join('x'),
      cost: costOfMatmul(tokens, ...size),
      async task() {
        whole ??= await make(Math.max(...counts))
        return { ...whole, x: whole.x.rows(0, tokens) }
      },
    }))
  })
}

type Start = Starts<EncoderCase>[number]

/** One of our encoders; its features are checked once for each case. */
function startEncoder(
  backend: string,
  ops: Backend,
  check: (features: SparseRows, problem: EncoderCase) => Promise<void>,
): Start {
  let run: () => Promise<SparseRows>
  let release = () => {}
  const start = async (): Promise<Runner<EncoderCase>> => ({
    ...{ backend, mode: ops.mode, threads: threadsOf(ops) },
    async verify(problem) {
      release()
      const { x } = problem
      const encoder = await encoderOf(ops, problem)
      release = () => ops.release(encoder)
      run = () => inScope(ops, (ops) => ops.sparseEncode(ops.upload(x), encoder))
      await check(await run(), problem)
    },
    time: shortRuns(() => run()),
    close: () => ops.dispose(),
  })
  return [backend, start]
}

function encoderOf(ops: Backend, { weight, bias, selection }: EncoderCase): Promise<Encoder> {
  return ops.prepareEncoder(sourceOf('W_enc', weight), sourceOf('b_enc', bias), selection)
}

/** C = x W alone, without bias, ReLU and sparse form; for TopK, its rows' largest. */
function startNative(threads: number): Start {
  const { name: backend, start } = onnxruntimeNode(threads)
  const startRunner = async (): Promise<Runner<EncoderCase>> => {
    const { mode, prepare } = await start()
    const runner = matmulRunner({ backend, mode, threads }, prepare)
    const verify = async ({ x, weight, selection }: EncoderCase) => {
      const largest = selection?.keep === 'largest' ? selection.k : undefined
      await runner.verify(await problemOf(x, weight, VERIFIED, largest))
    }
    return { ...runner, verify }
  }
  return [backend, startRunner]
}

/** @throws unless the screened features equal the dense ones bit for bit, and the dense ones equal the reference's but for rounding */
async function verify(all: SparseRows, found: SparseRows, problem: EncoderCase): Promise<void> {
  for (const part of ['offsets', 'indices', 'values'] as const)
    if (Buffer.compare(bytesOf(all[part]), bytesOf(found[part])) !== 0)
      throw new Error(`bench sae: wrong result: screened and dense ${part} differ; nothing is timed`)
  const { x } = problem
  const tokens = Math.min(VERIFIED, x.shape[0])
  const reference = createReferenceBackend()
  const encoder = await encoderOf(reference, problem)
  const expected = toDense(await reference.sparseEncode(x.rows(0, tokens), encoder))
  checkClose('sparseEncode', expected.shape, toDense(sliceRows(found, 0, tokens)).data, expected.data)
}

function bytesOf(numbers: Uint32Array | Float32Array): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength)
}

/** What the screen did in a race: counts per token, shares of its time, how many times as fast as the others it was. */
function screenUse(
  [dense, screened, peer]: readonly (Row | undefined)[],
  now: ScreenCounts,
  before: ScreenCounts,
): ScreenUse {
  const since = (key: keyof ScreenCounts) => now[key] - before[key]
  const tokens = since('rows') + since('denseRows')
  const seconds = screenParts.map((part) => since(`seconds${part}`))
  const total = seconds.reduce((sum, part) => sum + part, 0)
  const perScreened = (key: keyof ScreenCounts) => (since('rows') === 0 ? null : since(key) / since('rows'))
  return {
    work: screened!.work,
    shape: screened!.shape,
    active: since('active') / tokens,
    candidates: perScreened('candidates'),
    dense_tokens: since('denseRows') / tokens,
    parts: Object.fromEntries(screenParts.map((part, i) => [part, seconds[i] / total])) as ScreenUse['parts'],
    over_dense: dense!.median_ms / screened!.median_ms,
    over_peer: peer ? peer.median_ms / screened!.median_ms : null,
  }
}
