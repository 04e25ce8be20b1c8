// Results on their way out of a benchmark, to a file and the terminal, and back in for `compare` and `tables`.
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { commandLine } from '../experiments/lab/cli/cli.ts'
import { UserError } from '../experiments/lab/cli/user-error.ts'
import { formatTable } from '../experiments/lab/cli/table.ts'
import { writeAtomically } from '../experiments/lab/cli/write-node.ts'
import { describeMachine, showMachine } from './machine.ts'
import { makeRow, noCost, type Results, type Row } from './rows.ts'
import { benchmarkOf, notRunLines, resultTables } from './tables.ts'

/** Writes what was measured to a file, and prints it: as tables and a last line, or with --json as JSON only. */
export async function saveAndPrint(
  measured: Omit<Results, 'machine'>,
  summary: (results: Results) => string,
  { json, out }: { readonly json?: boolean; readonly out?: string },
): Promise<void> {
  const results: Results = { machine: describeMachine(whatWasRun()), ...measured }
  const text = JSON.stringify(results, null, 2) + '\n'
  const path = out ?? defaultPath(results)
  await writeAtomically(path, text)
  if (json) {
    process.stdout.write(text)
    return
  }
  console.log(showMachine(results.machine))
  for (const { head, rows } of resultTables(results)) console.log(formatTable(head, rows))
  for (const line of notRunLines(results)) console.log(line)
  console.log(`results: ${path}`)
  console.log(summary(results))
}

/** The command that was run, without the options on where and how to write the result. */
function whatWasRun(): string {
  const args = process.argv
    .slice(2)
    .filter((arg, i, all) => !/^--(json|out)(=|$)/.test(arg) && all[i - 1] !== '--out')
  return commandLine('bench', args)
}

function defaultPath(results: Results): string {
  const time = results.machine.date.slice(0, 19).replaceAll(':', '-')
  return fileURLToPath(new URL(`results/${benchmarkOf(results)}-${time}.json`, import.meta.url))
}

/** Reads a results file. @throws UserError naming the file and what it lacks */
export async function readResults(path: string): Promise<Results> {
  let results: Partial<Results> | null
  try {
    results = JSON.parse(await readFile(path, 'utf8')) as Partial<Results> | null
  } catch (error) {
    throw new UserError(`${path}: not a results file: ${(error as Error).message}`, { cause: error })
  }
  const expected = 'expected { machine, rows } as `npm run bench -- ... --json` prints it'
  if (typeof results?.machine?.command !== 'string' || !Array.isArray(results.rows))
    throw new UserError(`${path}: not a results file: ${expected}`)
  const complete = makeRow({ work: '', shape: '', backend: '', mode: '', threads: 1 }, [1], noCost)
  for (const [index, row] of (results.rows as Partial<Row>[]).entries())
    for (const key of Object.keys(complete) as (keyof Row)[])
      if (row[key] === undefined) throw new UserError(`${path}: row ${index} has no ${key}: ${expected}`)
  return results as Results
}
