// `bench tables FILE ...`: writes the tables of results files into bench/tables/PROCESSOR/: one page per benchmark, its runs one after another.
import { existsSync } from 'node:fs'
import { mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UserError } from '../experiments/lab/cli/user-error.ts'
import { writeAtomically } from '../experiments/lab/cli/write-node.ts'
import { showMachine, type Machine } from './machine.ts'
import { readResults } from './results-file.ts'
import type { Results, Row } from './rows.ts'
import {
  benchmarkNames,
  benchmarkOf,
  digits,
  makeTable,
  notRunLines,
  resultTables,
  type Column,
  type TextTable,
} from './tables.ts'

const tablesFolder = fileURLToPath(new URL('tables', import.meta.url))

/** @throws UserError, before anything is written, if a file is not a results file or its run was disturbed. -> the files written */
export async function publish(files: readonly string[], folder = tablesFolder): Promise<string[]> {
  const runs = await Promise.all(files.map(readResults))
  for (const [i, results] of runs.entries()) refuseDisturbed(files[i], results)
  const place = ({ machine }: Results) => join(folder, processorOf(machine))
  const pages = Map.groupBy(runs, (results) => join(place(results), `${benchmarkOf(results)}.md`))
  for (const [path, runs] of pages) {
    await mkdir(dirname(path), { recursive: true })
    await writeAtomically(path, page(`# ${benchmarkOf(runs[0])}`, ...runs.flatMap(runParagraphs)))
  }
  for (const results of runs)
    if (results.rows.some(isPeak)) await addPeaks(join(place(results), 'roofline.md'), results)
  return [...pages.keys()]
}

/** The folder for a processor's tables: `amd-epyc-2-cores` for `AMD EPYC` with 2 cores. */
function processorOf({ cpu, cores }: Pick<Machine, 'cpu' | 'cores'>): string {
  return `${cpu} ${cores} cores`
    .toLowerCase()
    .replace(/\((r|tm)\)/g, '')
    .replace(/[^a-z0-9]+/g, '-')
}

const isPeak = ({ work }: Row): boolean => work.startsWith('roofline: ')

/** Registers are not shared: more threads must reach more, or another process had one of their cores. */
function refuseDisturbed(file: string, { rows }: Results): void {
  const peaks = rows.filter((row) => isPeak(row) && row.gflops !== null)
  for (const many of peaks) {
    const one = peaks.find(({ work, threads }) => work === many.work && threads === 1)
    if (one && many.threads > 1 && many.gflops! <= one.gflops!)
      throw new UserError(
        `${file}: a disturbed run, not published: ${many.work} reached ${digits(many.gflops!)} GFLOP/s on ` +
          `${many.threads} threads and ${digits(one.gflops!)} on one, so another process had a core: ` +
          'stop what else is running and measure again',
      )
  }
}

/** What a page says about one run. */
function runParagraphs(results: Results): string[] {
  const { machine, rows } = results
  const own = rows.filter((row) => !isPeak(row))
  return [
    `\`${machine.command}\`: ${showMachine(machine)}`,
    own.length < rows.length ? 'What the machine could do in this run: [roofline.md](roofline.md).' : '',
    ...resultTables({ ...results, rows: own }).map(markdown),
    ...notRunLines(results),
  ]
}

/** Paragraphs as a page; a path on the machine that measured is cut to its last name, which is enough for others. */
function page(...paragraphs: string[]): string {
  const text = paragraphs.filter((paragraph) => paragraph !== '').join('\n\n') + '\n'
  return text.replace(/(?<=^|[\s'"=`])(?:[A-Za-z]:)?[/\\](?:[^\s'"`/\\]+[/\\])+/gm, '')
}

function markdown({ head, rows, words }: TextTable): string {
  const line = (cells: readonly string[]) => `| ${cells.map(escapeCell).join(' | ')} |`
  return [line(head), line(head.map((_, i) => (i < words ? '---' : '--:'))), ...rows.map(line)].join('\n')
}

/** A `*` beside another would make text between them italic. */
function escapeCell(cell: string): string {
  return cell.replace(/[|*]/g, '\\$&')
}

/** The peaks of all runs on this machine, one column per run: this run's replaces the same benchmark's earlier one. */
async function addPeaks(path: string, results: Results): Promise<void> {
  const name = benchmarkOf(results)
  const rates = new Map<string, Map<string, string>>() // by peak and threads, then by benchmark
  const add = (peak: string, threads: string, run: string, rate: string) => {
    const key = `${peak} | ${threads}`
    rates.set(key, (rates.get(key) ?? new Map<string, string>()).set(run, rate))
  }
  const [[, , ...runs] = [], , ...lines] = await readCells(path)
  for (const [peak, threads, ...ofRuns] of lines)
    for (const [i, run] of runs.entries()) if (run !== name) add(peak, threads, run, ofRuns[i])
  for (const { work, threads, gflops, gbs } of results.rows.filter(isPeak)) {
    const [rate, unit] = gflops === null ? [gbs, 'GB/s'] : [gflops, 'GFLOP/s']
    add(`${work.slice('roofline: '.length)}, ${unit}`, String(threads), name, digits(rate!))
  }
  const columns = benchmarkNames.filter((run) => [...rates.values()].some((ofRuns) => ofRuns.has(run)))
  const table = makeTable([...rates], 1, [
    ['peak', ([key]) => key.split(' | ')[0]],
    ['threads', ([key]) => key.split(' | ')[1]],
    ...columns.map((run): Column<[string, Map<string, string>]> => [
      run,
      ([, ofRuns]) => ofRuns.get(run) ?? '–',
    ]),
  ])
  const { cpu, cores } = results.machine
  const title = `# roofline: ${cpu}, ${cores} cores`
  await writeAtomically(path, page(title, 'Medians of each run.', markdown(table)))
}

/** The cells of a page's table, line by line; none if there is no page. */
async function readCells(path: string): Promise<string[][]> {
  const text = existsSync(path) ? await readFile(path, 'utf8') : ''
  const lines = text.split('\n').filter((line) => line.startsWith('|'))
  return lines.map((line) => line.slice(2, -2).split(' | '))
}
