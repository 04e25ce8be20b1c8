// Compares what a reader wrote with the right answer, and reports the first difference and the mistake that explains it.
import * as fc from 'fast-check'
import type { Exercise, Value } from './exercise.ts'

/** Share of the largest number (at least 1) by which an answer may be off: float32's rounding, many times over. */
const TOLERANCE = 1e-5
export const RUNS = 100
const SEED = 1
/** Cases on which what was written must agree with a mistake before that is named. */
const SAMPLES = 40

/** What is wrong with what was written; nothing where all is right. */
export interface Failure {
  /** The smallest arguments found that show it, by name. */
  readonly shown: readonly string[]
  readonly difference: string
  readonly mistake?: string
}

/** @param written the function that the reader's file exports */
export async function check(
  exercise: Exercise,
  written: (...args: never[]) => unknown,
): Promise<Failure | undefined> {
  const call = exercise.call?.(written) ?? written
  const differs = async (args: readonly never[]) =>
    differenceOf(await outcome(call, copyOf(args)), await exercise.right(...copyOf(args)))
  const property = fc.asyncProperty(exercise.cases, async (args) => (await differs(args)) === undefined)
  const { failed, counterexample } = await fc.check(property, { seed: SEED, numRuns: RUNS })
  if (!failed) return undefined
  const [args] = counterexample!
  const mistake = await mistakeOf(exercise, call)
  return {
    shown: exercise.parameters.map((name, i) => `${name} = ${show(args[i])}`),
    difference: (await differs(args))!,
    ...(mistake === undefined ? {} : { mistake }),
  }
}

/** The mistake that gives what was written gives, case by case. */
async function mistakeOf(
  exercise: Exercise,
  call: (...args: never[]) => unknown,
): Promise<string | undefined> {
  const samples = fc.sample(exercise.cases, { seed: SEED, numRuns: SAMPLES })
  const got = []
  for (const args of samples) got.push(await outcome(call, copyOf(args)))
  for (const [says, wrong] of Object.entries(exercise.mistakes)) {
    let agrees = true
    for (const [i, args] of samples.entries()) agrees &&= isSame(got[i], await outcome(wrong, copyOf(args)))
    if (agrees) return says
  }
  return undefined
}

/** Both threw, or both gave the same. */
function isSame(got: unknown, wrong: unknown): boolean {
  if (got instanceof Error || wrong instanceof Error) return got instanceof Error && wrong instanceof Error
  return differenceOf(got, wrong as Value) === undefined
}

/** An exception is an outcome too: the difference says so. */
async function outcome(call: (...args: never[]) => unknown, args: readonly never[]): Promise<unknown> {
  try {
    return await call(...args)
  } catch (error) {
    return error instanceof Error ? error : new Error(String(error))
  }
}

/** A reader's function may write into what it is given. */
function copyOf<T>(args: T): T {
  return structuredClone(args)
}

/** The first difference in words, shapes before numbers; undefined if there is none. */
export function differenceOf(got: unknown, expected: Value): string | undefined {
  if (got instanceof Error) return `your function threw: ${got.message}`
  const [gotShape, expectedShape] = [shapeOf(got), shapeOf(expected)]
  if (gotShape !== expectedShape) return `expected ${expectedShape}, got ${gotShape}`
  const [gots, expecteds] = [flat(got), flat(expected)]
  const most = Math.max(
    1,
    ...expecteds.map(({ value }) => (Number.isFinite(value) ? Math.abs(Number(value)) : 0)),
  )
  for (const [i, { path, value }] of expecteds.entries()) {
    const found = gots[i].value
    const close =
      typeof value === 'number' && typeof found === 'number'
        ? Math.abs(found - value) <= TOLERANCE * most || Object.is(found, value)
        : Object.is(found, value)
    if (!close)
      return `${path === '' ? 'the result' : `result${path}`}: expected ${show(value)}, got ${show(found)}`
  }
  return undefined
}

/** `a number`, `a list of 3 numbers`, `4 rows of 3 numbers`: what a reader sees at a glance. */
function shapeOf(value: unknown): string {
  if (value === undefined) return 'nothing (is there a return?)'
  if (!isList(value))
    return typeof value === 'number' || typeof value === 'string'
      ? `a ${typeof value}`
      : `a value of type ${typeof value}`
  if (value.length === 0) return 'an empty list'
  if (!isList(value[0])) return `a list of ${value.length} ${typeof value[0]}${value.length === 1 ? '' : 's'}`
  const widths = new Set(Array.from(value, (row) => (isList(row) ? row.length : 1)))
  const width = widths.size === 1 ? String([...widths][0]) : [...widths].join(' and ')
  return `${value.length} rows of ${width}`
}

function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || ArrayBuffer.isView(value)
}

/** Every number or string, and where it stands. */
function flat(value: unknown, path = ''): { path: string; value: unknown }[] {
  if (!isList(value)) return [{ path, value }]
  return Array.from(value).flatMap((entry, i) => flat(entry, `${path}[${i}]`))
}

function show(value: unknown): string {
  if (typeof value === 'number') return Number.isInteger(value) ? String(value) : value.toPrecision(6)
  if (isList(value)) return `[${Array.from(value, show).join(', ')}]`
  return JSON.stringify(value) ?? 'nothing'
}
