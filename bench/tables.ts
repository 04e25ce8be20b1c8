// Results as tables of text: what is printed in the terminal and published in bench/tables/.
import type { GpuUse, MemoryUse, Results, Row, RowName, ScreenUse } from './rows.ts'

/** Head and rows, ready to print. */
export interface TextTable {
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** Leading columns that hold words; the others hold numbers. */
  readonly words: number
}

/** A column's heading, and its cell for each item. */
export type Column<T> = readonly [head: string, cell: (item: T) => string]

/** @param words how many leading columns hold words */
export function makeTable<T>(items: readonly T[], words: number, columns: readonly Column<T>[]): TextTable {
  const head = columns.map(([head]) => head)
  return { words, head, rows: items.map((item) => columns.map(([, cell]) => cell(item))) }
}

/** Every benchmark, the default first. */
export const benchmarkNames = [
  'layers',
  'kernels',
  'peers',
  'gpujs',
  'generate',
  'memory',
  'experiment',
  'sae',
  'train-sae',
  'explore',
  'train',
  'corpus',
] as const
export type BenchmarkName = (typeof benchmarkNames)[number]

/** Which benchmark the results come from: the one that their command names, or the default. */
export function benchmarkOf({ machine }: Pick<Results, 'machine'>): BenchmarkName {
  const words = machine.command.split(' ') as BenchmarkName[]
  return words.find((word) => benchmarkNames.includes(word)) ?? benchmarkNames[0]
}

/** A line for each thing that was asked for and could not run. */
export function notRunLines({ notRun = [] }: Pick<Results, 'notRun'>): string[] {
  return notRun.map(({ backend, reason }) => `Not run: ${backend}: ${reason}.`)
}

/** The rows as a table; a second one if there are figures on memory, on screening or on a GPU's work. */
export function resultTables({ machine, rows, memory, screening, gpu }: Results): TextTable[] {
  return [
    makeTable(rows, 4, [...nameColumns, ...timeColumns, ...ownColumn(benchmarkOf({ machine }), rows)]),
    ...(memory ? [makeTable(memory, 3, memoryColumns)] : []),
    ...(screening ? [makeTable(screening, 2, screenColumns)] : []),
    ...(gpu?.length ? [makeTable(gpu, 3, gpuColumns)] : []),
  ]
}

export const nameColumns: readonly Column<RowName>[] = [
  ['work', ({ work }) => work],
  ['shape', ({ shape }) => shape],
  ['backend', ({ backend }) => backend],
  ['mode', ({ mode }) => mode],
  ['threads', ({ threads }) => String(threads)],
]

const timeColumns: readonly Column<Row>[] = [
  ['median ms', ({ median_ms }) => digits(median_ms)],
  ['p10 to p90', ({ p10_ms, p90_ms }) => `${digits(p10_ms)} to ${digits(p90_ms)}`],
  ['GFLOP/s', ({ gflops }) => orDash(gflops, digits)],
  ['GB/s', ({ gbs }) => orDash(gbs, digits)],
  ['roofline', ({ roofline }) => orDash(roofline, percent)],
]

/** The columns that only some benchmarks' tables have. */
function ownColumn(name: BenchmarkName, rows: readonly Row[]): Column<Row>[] {
  if (name === 'layers') return [['of the pass', (row) => orDash(shareOfPass(row, rows), percent)]]
  if (name === 'generate' || name === 'train-sae' || name === 'corpus')
    return [['tokens/s', (row) => orDash(tokensPerSecond(row), (rate) => rate.toFixed(1))]]
  if (name === 'experiment') return [['x ours', (row) => orDash(timesFirst(row, rows), times)]]
  return []
}

/** A row's time as a multiple of that of the first row of the same work, which is ours. */
function timesFirst(row: Row, rows: readonly Row[]): number | null {
  const ours = rows.find(({ work }) => work === row.work)
  return ours && ours !== row ? row.median_ms / ours.median_ms : null
}

/** A part's share of the forward pass with as many tokens; the SAE is not part of one. */
function shareOfPass(row: Row, rows: readonly Row[]): number | null {
  if (!/^(embedding|blocks\.|ln_f|unembedding)/.test(row.work)) return null
  const [tokens] = row.shape.split('x')
  const pass = rows.find(({ work, shape }) => work === 'forward pass' && shape === tokens)
  return pass ? row.median_ms / pass.median_ms : null
}

/** A prefill's shape is its tokens; a decode row is one token. */
function tokensPerSecond({ work, shape, median_ms }: Row): number | null {
  if (work === 'standard' || work === 'topk') return (Number(shape.split('x')[0]) / median_ms) * 1000
  if (work === 'prefill' || work === 'forward and encoders' || work === 'corpus shard')
    return (Number(shape) / median_ms) * 1000
  return work === 'decode' ? 1000 / median_ms : null
}

const memoryColumns: readonly Column<MemoryUse>[] = [
  ['model', ({ model }) => model],
  ['backend', ({ backend }) => backend],
  ['mode', ({ mode }) => mode],
  ['tensors MB', ({ tensor_mb }) => tensor_mb.toFixed(0)],
  ['at start MB', ({ start_mb }) => start_mb.toFixed(0)],
  ['peak loaded MB', ({ load_mb }) => load_mb.toFixed(0)],
  ['peak run MB', ({ run_mb }) => run_mb.toFixed(0)],
  ['target MB', ({ target_mb }) => target_mb.toFixed(0)],
  ['of target', ({ of_target }) => percent(of_target)],
]

const gpuColumns: readonly Column<GpuUse>[] = [
  ['work', ({ work }) => work],
  ['shape', ({ shape }) => shape],
  ['backend', ({ backend }) => backend],
  ['submissions', ({ submissions }) => String(submissions)],
  ['read-backs', ({ read_backs }) => String(read_backs)],
]

const screenColumns: readonly Column<ScreenUse>[] = [
  ['work', ({ work }) => work],
  ['shape', ({ shape }) => shape],
  ['active a token', ({ active }) => digits(active)],
  ['candidates', ({ candidates }) => orDash(candidates, digits)],
  ['tokens gone dense', ({ dense_tokens }) => percent(dense_tokens)],
  ['of time: rows to int8', ({ parts }) => percent(parts.Rows)],
  ['floors guessed', ({ parts }) => percent(parts.Guessing)],
  ['int8 products', ({ parts }) => percent(parts.Products)],
  ['bound test', ({ parts }) => percent(parts.Test)],
  ['candidates in float32', ({ parts }) => percent(parts.Candidates)],
  ['collecting', ({ parts }) => percent(parts.Collecting)],
  ['dense tokens', ({ parts }) => percent(parts.Dense)],
  ['x dense', ({ over_dense }) => times(over_dense)],
  ['x onnxruntime', ({ over_peer }) => orDash(over_peer, times)],
]

export function orDash(value: number | null, show: (value: number) => string): string {
  return value === null ? '–' : show(value)
}

/** Three significant digits, never an exponent. */
export function digits(value: number): string {
  if (value === 0) return '0'
  const after = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))
  return value.toFixed(Math.min(after, 6))
}

export function times(ratio: number): string {
  return ratio.toFixed(2)
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`
}
