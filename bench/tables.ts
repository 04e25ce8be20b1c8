import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { UserError } from '../experiments/lab/cli/cli.ts'
import { writeAtomically } from '../experiments/lab/cli/write-node.ts'
import { showMachine } from './machine.ts'
import { readResults, type MemoryUse, type Results, type Row, type ScreenUse } from './rows.ts'

/** Head and rows, ready to print. */
export interface TextTable {
  readonly head: readonly string[]
  readonly rows: readonly (readonly string[])[]
  /** Leading columns that hold words; the others hold numbers. */
  readonly words: number
}

const readmePath = fileURLToPath(new URL('README.md', import.meta.url))

/** Writes each results file's table into bench/README.md. -> the names of the tables */
export async function rewriteReadme(files: readonly string[], readme = readmePath): Promise<string[]> {
  let text = await readFile(readme, 'utf8')
  const names: string[] = []
  for (const file of files) {
    const results = await readResults(file)
    const name = benchName(results)
    text = replaceBetween(text, name, markdown(results))
    names.push(name)
  }
  await writeAtomically(readme, text)
  return names
}

/** Every bench that has a table in bench/README.md. */
const benchNames = [
  'layers',
  'kernels',
  'peers',
  'gpujs',
  'generate',
  'memory',
  'experiment',
  'sae',
  'explore',
]

/** Which bench a results file is of: the one its command names, or the default. */
export function benchName({ machine }: Pick<Results, 'machine'>): string {
  return machine.command.split(' ').find((word) => benchNames.includes(word)) ?? benchNames[0]
}

/**
 * The text with what stands between `<!-- bench:NAME -->` and `<!-- /bench:NAME -->` replaced.
 * @throws UserError unless each marker is there exactly once, in this order
 */
export function replaceBetween(text: string, name: string, content: string): string {
  const [open, close] = [`<!-- bench:${name} -->`, `<!-- /bench:${name} -->`]
  for (const marker of [open, close]) {
    const found = text.split(marker).length - 1
    if (found !== 1)
      throw new UserError(`README: expected the marker ${marker} once, found it ${found} times`)
  }
  const from = text.indexOf(open) + open.length
  const to = text.indexOf(close)
  if (to < from) throw new UserError(`README: ${close} stands before ${open}`)
  return `${text.slice(0, from)}\n\n${content.trim()}\n\n${text.slice(to)}`
}

function markdown(results: Results): string {
  const { machine } = results
  const tables = resultTables(results).map(({ head, rows, words }) => {
    const line = (cells: readonly string[]) => `| ${cells.map(escapeCell).join(' | ')} |`
    return [line(head), line(head.map((_, i) => (i < words ? '---' : '--:'))), ...rows.map(line)].join('\n')
  })
  return [`\`${machine.command}\`: ${showMachine(machine)}`, ...tables, ...notRunLines(results)].join('\n\n')
}

/** What was asked for and could not run. */
export function notRunLines({ notRun = [] }: Pick<Results, 'notRun'>): string[] {
  return notRun.map(({ backend, reason }) => `Not run: ${backend}: ${reason}.`)
}

/** A `*` beside another would make text between them italic. */
function escapeCell(cell: string): string {
  return cell.replace(/[|*]/g, '\\$&')
}

/** A bench's rows as a table; of `memory`, a second one with the megabytes, and of `sae`, one with what the screen did. */
export function resultTables({ machine, rows, memory, screening }: Results): TextTable[] {
  return [
    rowTable(benchName({ machine }), rows),
    ...(memory ? [memoryTable(memory)] : []),
    ...(screening ? [screeningTable(screening)] : []),
  ]
}

function rowTable(bench: string, rows: readonly Row[]): TextTable {
  const extra = extraColumn(bench, rows)
  return {
    words: 4,
    head: [
      'work',
      'shape',
      'backend',
      'mode',
      'threads',
      'median ms',
      'p10 to p90',
      'GFLOP/s',
      'GB/s',
      'roofline',
      ...(extra ? [extra.head] : []),
    ],
    rows: rows.map((row) => [
      row.work,
      row.shape,
      row.backend,
      row.mode,
      String(row.threads),
      digits(row.median_ms),
      `${digits(row.p10_ms)} to ${digits(row.p90_ms)}`,
      orDash(row.gflops, digits),
      orDash(row.gbs, digits),
      orDash(row.roofline, percent),
      ...(extra ? [extra.cell(row)] : []),
    ]),
  }
}

/** What a bench's own table says beside the columns of all. */
function extraColumn(
  bench: string,
  rows: readonly Row[],
): { head: string; cell: (row: Row) => string } | undefined {
  if (bench === 'layers')
    return { head: 'of the pass', cell: (row) => orDash(shareOfPass(row, rows), percent) }
  if (bench === 'generate')
    return { head: 'tokens/s', cell: (row) => orDash(tokensPerSecond(row), (rate) => rate.toFixed(1)) }
  if (bench === 'experiment')
    return { head: 'x ours', cell: (row) => orDash(timesFirst(row, rows), (times) => times.toFixed(2)) }
  return undefined
}

/** A row's time in those of the first row of the same work, which is ours. */
function timesFirst(row: Row, rows: readonly Row[]): number | null {
  const ours = rows.find(({ work }) => work === row.work)
  return ours && ours !== row ? row.median_ms / ours.median_ms : null
}

/** A part's share of the forward pass with as many tokens; the SAE is no part of one. */
function shareOfPass(row: Row, rows: readonly Row[]): number | null {
  if (!/^(embedding|blocks\.|ln_f|unembedding)/.test(row.work)) return null
  const [tokens] = row.shape.split('x')
  const pass = rows.find(({ work, shape }) => work === 'forward pass' && shape === tokens)
  return pass ? row.median_ms / pass.median_ms : null
}

/** A prefill's shape is its tokens; a decode row is one token. */
function tokensPerSecond({ work, shape, median_ms }: Row): number | null {
  if (work === 'prefill') return (Number(shape) / median_ms) * 1000
  return work === 'decode' ? 1000 / median_ms : null
}

function memoryTable(memory: readonly MemoryUse[]): TextTable {
  const whole = (mb: number) => mb.toFixed(0)
  return {
    words: 3,
    head: [
      'model',
      'backend',
      'mode',
      'tensors MB',
      'at start MB',
      'peak loaded MB',
      'peak run MB',
      'target MB',
      'of target',
    ],
    rows: memory.map((use) => [
      use.model,
      use.backend,
      use.mode,
      whole(use.tensor_mb),
      whole(use.start_mb),
      whole(use.load_mb),
      whole(use.run_mb),
      whole(use.target_mb),
      percent(use.of_target),
    ]),
  }
}

function screeningTable(screening: readonly ScreenUse[]): TextTable {
  const times = (value: number) => value.toFixed(2)
  return {
    words: 2,
    head: [
      'work',
      'shape',
      'active a token',
      'left by 1 digit',
      'by 2 digits',
      'tokens gone dense',
      'of time: screen and compute',
      'collect',
      'dense',
      'x dense',
      'x onnxruntime',
    ],
    rows: screening.map((use) => [
      use.work,
      use.shape,
      digits(use.active),
      orDash(use.after_one_digit, digits),
      orDash(use.candidates, digits),
      percent(use.dense_tokens),
      percent(use.screening),
      percent(use.collecting),
      percent(use.dense),
      times(use.over_dense),
      orDash(use.over_peer, times),
    ]),
  }
}

function orDash(value: number | null, show: (value: number) => string): string {
  return value === null ? '–' : show(value)
}

/** Three digits that count, never an exponent. */
export function digits(value: number): string {
  if (value === 0) return '0'
  const after = Math.max(0, 2 - Math.floor(Math.log10(Math.abs(value))))
  return value.toFixed(Math.min(after, 6))
}

function percent(share: number): string {
  return `${(100 * share).toFixed(share < 0.1 ? 1 : 0)} %`
}
