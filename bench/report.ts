import { fileURLToPath } from 'node:url'
import { commandLine } from '../experiments/lab/cli/cli.ts'
import { formatTable } from '../experiments/lab/cli/table.ts'
import { writeAtomically } from '../experiments/lab/cli/write-node.ts'
import { describeMachine, showMachine } from './machine.ts'
import type { Results } from './rows.ts'
import { benchName, notRunLines, resultTables } from './tables.ts'

export interface ReportOptions {
  readonly json?: boolean
  readonly out?: string
}

/** Keeps a bench's results in a file, and prints them: as tables, or with --json as nothing but JSON. */
export async function report(
  measured: Omit<Results, 'machine'>,
  { json, out }: ReportOptions,
): Promise<void> {
  const results: Results = { machine: await describeMachine(whatWasRun()), ...measured }
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
}

/** What was run, without where and how the result was written. */
function whatWasRun(): string {
  const args = process.argv
    .slice(2)
    .filter((arg, i, all) => !/^--(json|out)(=|$)/.test(arg) && all[i - 1] !== '--out')
  return commandLine('bench', args)
}

function defaultPath(results: Results): string {
  const time = results.machine.date.slice(0, 19).replaceAll(':', '-')
  return fileURLToPath(new URL(`results/${benchName(results)}-${time}.json`, import.meta.url))
}
