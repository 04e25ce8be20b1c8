// Six patients, their figures, and what the reader says is wrong with each.
import { createBackend, defaultBackend } from '../../../engine/backends.ts'
import { print, printJson } from '../../lab/cli/print.ts'
import { createProgress } from '../../lab/cli/progress.ts'
import { formatTable } from '../../lab/cli/table.ts'
import { UserError } from '../../lab/cli/user-error.ts'
import { openModel } from '../../lab/models/models.ts'
import { OWN_TEXTS, textsNamed } from '../../lab/texts/named-texts.ts'
import { tokenizeTexts } from '../../lab/texts/tokenize-texts.ts'
import { FAULTS, HEALTHY, type Fault } from './faults.ts'
import { figuresOf, type Figures } from './figures.ts'
import { PATIENTS, type Clinic, type Patient } from './patients.ts'

export const DIAGNOSE = {
  name: 'diagnose',
  title: 'Say what is wrong with six SAEs',
  difficulty: 2,
  minutes: 30,
  predict:
    'Which of the figures cannot depend on the SAE at all, and which do not depend on the layers after the hook?',
  answer:
    'The loss of the model alone depends on no SAE. L0, variance, cosine, means of rows, dead and dense features depend on no layer after the hook: they judge what is rebuilt, whether any layer reads it or not.',
  hints: [
    'Compare each column with the healthy one, and ask of each figure that is out what it is made from: the model alone, the SAE alone, the rows that it reads, or the model with the SAE in place.',
    'Each fault has one figure of its own. The loss of the model alone; the mean of a row; the cosine at BOS; the share of dense features; CE recovered below the healthy range; and a cost above it where CE recovered is not below it.',
  ],
} as const

const ROWS: readonly [label: string, name: keyof typeof HEALTHY, digits: number][] = [
  ['L0', 'l0', 1],
  ['explained variance', 'explained', 3],
  ['cosine', 'cosine', 3],
  ['cosine at BOS', 'atBos', 3],
  ['mean of a row, read', 'rowMean', 2],
  ['mean of a row, rebuilt', 'rebuiltRowMean', 2],
  ['dead features', 'dead', 0],
  ['dense, of those that fire', 'dense', 2],
  ['loss of the model alone', 'clean', 2],
  ['cost of the SAE, nats', 'cost', 2],
  ['CE recovered of zeros', 'ofZeros', 3],
  ['CE recovered of the mean', 'ofMean', 3],
]

interface Options {
  readonly answer?: readonly string[]
  readonly configuration?: boolean
  readonly solution?: boolean
  readonly json?: boolean
}

/** What the command does, but for hints. */
export async function diagnose({ answer, configuration, solution, json }: Options): Promise<void> {
  const answers = (answer ?? []).map(answerOf)
  if (configuration) return printEach(({ configuration }) => configuration)
  if (solution) {
    printEach(({ fault }) => solutionOf(faultNamed(fault)))
    return print(`\n${DIAGNOSE.predict}\n${DIAGNOSE.answer}`)
  }
  const patients = answers.length > 0 ? answers.map(({ patient }) => patient) : PATIENTS
  const figures = await measured(patients, json)
  if (answers.length === 0)
    return json ? printJson({ healthy: HEALTHY, patients: Object.fromEntries(figures) }, 1) : show(figures)
  const replies = answers.map(({ patient, fault }) => ({
    patient: patient.name,
    ...replyTo(fault, patient, figures.get(patient.name)!),
  }))
  if (!replies.every(({ right }) => right)) process.exitCode = 1
  if (json) return printJson({ replies }, 1)
  for (const { patient, says } of replies) print(`${patient}: ${says}`)
}

/** `A=wrong-hook` */
function answerOf(text: string): { patient: Patient; fault: Fault } {
  const [letter, name] = text.split('=')
  const patient = PATIENTS.find((one) => one.name === letter.toUpperCase())
  const fault = FAULTS.find((one) => one.name === name)
  if (patient && fault) return { patient, fault }
  const names = FAULTS.map((one) => one.name).join(', ')
  throw new UserError(
    `answer: expected a patient from A to F and a fault, such as A=${FAULTS[0].name}, got '${text}'; the faults are ${names}`,
  )
}

const faultNamed = (name: string): Fault => FAULTS.find((fault) => fault.name === name)!

/** Whether a fault is a patient's, and what of its figures says so. */
export function replyTo(fault: Fault, patient: Patient, figures: Figures): { right: boolean; says: string } {
  const figure = fault.figure(figures)
  if (fault.name !== patient.fault)
    return { right: false, says: `not ${fault.name}. Then ${fault.sign}; but ${figure}.` }
  return {
    right: true,
    says: `right, ${fault.name}: ${fault.is}. Then ${fault.sign}, and ${figure}.\n   ${fault.why}`,
  }
}

async function measured(patients: readonly Patient[], quiet = false): Promise<Map<string, Figures>> {
  await using open = await opened()
  using progress = createProgress({ label: 'diagnose', total: patients.length, unit: 'SAEs', quiet })
  const figures = new Map<string, Figures>()
  for (const patient of new Set(patients)) {
    figures.set(patient.name, await figuresOf(await patient.open(open.clinic)))
    progress.step()
  }
  return figures
}

/** The bundled model on the fastest backend, and our own texts. */
async function opened(): Promise<{ clinic: Clinic } & AsyncDisposable> {
  const ops = await createBackend(defaultBackend)
  const model = await openModel('tiny', ops, { quiet: true })
  const { ids: texts } = tokenizeTexts(model, await textsNamed({ texts: OWN_TEXTS }))
  return { clinic: { ops, gpt2: model.gpt2, texts }, [Symbol.asyncDispose]: () => ops.dispose() }
}

function show(figures: ReadonlyMap<string, Figures>): void {
  const fixed = (value: number, digits: number) =>
    value
      .toFixed(digits)
      .replace(/^-(0\.?0*)$/, '$1')
      .replace('-', '−')
  const rows = ROWS.map(([label, name, digits]) => [
    label,
    HEALTHY[name][0] === -HEALTHY[name][1] ? '0' : HEALTHY[name].join(' to '),
    ...[...figures.values()].map((of) => fixed(of[name], digits)),
  ])
  const bars = [
    'how often features fire',
    '',
    ...[...figures.values()].map(({ histogram }) => sparkline(histogram)),
  ]
  print('Something is wrong with each of these SAEs, with its texts, or with how its figures are read.\n')
  print(formatTable(['', 'healthy', ...figures.keys()], [...rows, bars]))
  print(
    '\nHealthy: the range of the six bundled SAEs on the same 140 texts. BOS is left out, except from the losses and where it is named.',
  )
  print(
    'How often features fire: one bar for each half of a power of ten, from rarely on the left to every token on the right.',
  )
  print(`\nThe faults, in a different order:\n${FAULTS.map(({ name, is }) => `  ${name}: ${is}`).join('\n')}`)
  print(`\nFirst, without looking: ${DIAGNOSE.predict}`)
  print(
    'Then: npm run exercise -- diagnose --answer A=wrong-hook B=uncentred   (a hint: --hint, then --hint 2)',
  )
  print('Only then look at how they were made: --configuration, and at last --solution.')
}

const BARS = '▁▂▃▄▅▆▇█'

function sparkline(counts: readonly number[]): string {
  const most = Math.max(...counts)
  return counts.map((count) => (count === 0 ? ' ' : BARS[Math.floor((7 * count) / most)])).join('')
}

function printEach(says: (patient: Patient) => string): void {
  for (const patient of PATIENTS) print(`${patient.name}: ${says(patient)}`)
}

const solutionOf = ({ name, is, sign, why }: Fault): string => `${name}: ${is}. Then ${sign}.\n   ${why}`
