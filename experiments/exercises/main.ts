// Exercises that check themselves.
//   npm run exercise                      the list
//   npm run exercise -- softmax           begin, or check what you wrote in results/exercises/softmax.ts
import { existsSync } from 'node:fs'
import { copyFile, mkdir, readFile } from 'node:fs/promises'
import { dirname, join, relative, resolve } from 'node:path'
import { commandLine, createCommand, runMain } from '../lab/cli/cli.ts'
import { print, printJson } from '../lab/cli/print.ts'
import { formatTable } from '../lab/cli/table.ts'
import { UserError } from '../lab/cli/user-error.ts'
import { EXERCISES } from './all.ts'
import { BREAKS, type Break } from './breaks.ts'
import { check, RUNS } from './check.ts'
import { DIAGNOSE, diagnose } from './diagnose/diagnose.ts'
import type { Exercise } from './exercise.ts'
import { load } from './load.ts'

interface Options {
  readonly json?: boolean
  readonly file?: string
  readonly hint?: true | string
  readonly solution?: boolean
  readonly answer?: string[]
  readonly configuration?: boolean
}

const root = resolve(import.meta.dirname, '../..')
const command = createCommand(
  'exercise',
  'exercises that check themselves: write a piece of the model, and compare it with the reference',
)
  .argument('[name]', 'the exercise; without it, or with `list`, all exercises are listed')
  .option('--file <path>', 'begin or check this file instead of results/exercises/NAME.ts')
  .option('--hint [number]', 'show the first hint, or hint 2')
  .option('--solution', 'show a solution')
  .option('--answer <patient=fault...>', 'for diagnose: what is wrong with a patient; several may be given')
  .option('--configuration', 'for diagnose: how the patients were made')
  .addHelpText(
    'after',
    `
The first call with a name writes a file to start from; every further call checks it. The exit code is 1 until it is right.
diagnose has no file: it prints the figures of six SAEs, each with a fault to be named.

Examples:
  npm run exercise
  npm run exercise -- attention
  npm run exercise -- attention --hint 2
  npm run exercise -- diagnose
  npm run exercise -- diagnose --answer A=wrong-hook
  npm run exercise -- break-causal`,
  )
  .parse()

runMain(async () => {
  const options = command.opts<Options>()
  const name = command.args[0] as string | undefined
  if (name === undefined || name === 'list') return list(options)
  if (name !== DIAGNOSE.name && (options.answer !== undefined || options.configuration))
    throw new UserError(`exercise: --answer and --configuration belong to diagnose, not to ${name}`)
  if (name === DIAGNOSE.name)
    return options.hint === undefined ? diagnose(options) : print(hintOf(DIAGNOSE, options.hint))
  const exercise = EXERCISES.find((entry) => entry.name === name)
  const broken = BREAKS.find((entry) => entry.name === name)
  const found = exercise ?? broken
  if (!found) {
    const names = [...EXERCISES, DIAGNOSE, ...BREAKS].map(({ name }) => name).join(', ')
    throw new UserError(`exercise: expected list or one of ${names}, got '${name}'`)
  }
  if (options.hint !== undefined) return print(hintOf(found, options.hint))
  if (broken) return showBreak(broken, options)
  if (options.solution) return print(await readFile(join(import.meta.dirname, name, 'solution.ts'), 'utf8'))
  await checkOrBegin(exercise!, options)
})

/** Where the reader's answer stands, relative to where the command runs. */
function fileOf(name: string, { file }: Options): string {
  return file ?? relative(process.cwd(), join(root, 'results/exercises', `${name}.ts`))
}

function list(options: Options): void {
  const rows = [...EXERCISES, DIAGNOSE].map(({ name, title, difficulty, minutes }) => ({
    ...{ name, title, difficulty, minutes },
    begun: existsSync(fileOf(name, {})),
  }))
  if (options.json) return printJson({ exercises: rows, breaks: BREAKS }, 1)
  const table = rows.map(({ name, title, difficulty, minutes, begun }) => [
    name,
    title,
    '*'.repeat(difficulty),
    `${minutes} min`,
    begun ? 'begun' : '',
  ])
  print(formatTable(['exercise', 'what', 'difficulty', 'time', ''], table))
  print('\nBreak it: say what will happen, make the change, and see.')
  for (const { name, difficulty, minutes, predict } of BREAKS)
    print(`  ${name} (${'*'.repeat(difficulty)}, ${minutes} min): ${predict}`)
  print('\nBegin with: npm run exercise -- softmax')
}

function showBreak(broken: Break, { solution, json }: Options): void {
  const { name, file, from, to, run, predict, answer } = broken
  if (json) return printJson(broken, 1)
  print(`In ${file} write\n  ${to}\nfor\n  ${from}\n\nFirst: ${predict}\nThen run: ${run}`)
  print(`And put it back: git checkout ${file}`)
  print(
    solution
      ? `\n${answer}`
      : `\nThe answer: npm run exercise -- ${name} --solution   (a hint: --hint, then --hint 2)`,
  )
}

function hintOf({ hints }: Pick<Exercise, 'hints'>, wanted: true | string): string {
  const number = wanted === true ? 1 : Number(wanted)
  const hint = hints[number - 1] as string | undefined
  if (hint === undefined) throw new UserError(`hint: expected 1 or ${hints.length}, got '${wanted}'`)
  return hint
}

async function checkOrBegin(exercise: Exercise, options: Options): Promise<void> {
  const { name, title, predict, read, answer, afterwards } = exercise
  const file = fileOf(name, options)
  if (!existsSync(file)) {
    if (!file.endsWith('.ts'))
      throw new UserError(
        `${file}: there is no such file; one to begin from is written where its name ends in .ts`,
      )
    await mkdir(dirname(resolve(file)), { recursive: true })
    await copyFile(join(import.meta.dirname, name, 'starter.ts'), file)
    if (options.json) return printJson({ name, file, begun: true }, 1)
    print(`${title}\n\nFirst, without writing: ${predict}\n\nThen write the function in ${file}.`)
    const args = options.file === undefined ? [name] : [name, '--file', file]
    print(`Check it with: ${commandLine('exercise', args)}   (a hint: --hint, then --hint 2)`)
    return
  }
  const written = await load(exercise, file)
  const failure = await check(exercise, written)
  if (failure) process.exitCode = 1
  if (options.json) return printJson({ name, file, right: failure === undefined, ...failure }, 1)
  if (failure) {
    print(`${file}: not yet.\n`)
    for (const line of failure.shown) print(`  ${line}`)
    print(`  ${failure.difference}`)
    print(failure.mistake ? `\n${failure.mistake}` : `\nA hint: npm run exercise -- ${name} --hint`)
    return
  }
  print(`${file}: right, on ${RUNS} cases.`)
  if (afterwards) print(await afterwards(written))
  print(`\n${predict}\n${answer}\n\nHow it is done here: ${read.join(', ')}`)
  const next = [...EXERCISES, DIAGNOSE][EXERCISES.indexOf(exercise) + 1]
  print(`Next: npm run exercise -- ${next.name}   (${next.title})`)
}
