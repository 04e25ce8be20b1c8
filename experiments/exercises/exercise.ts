// What an exercise is: a function to write, the right answer to compare it with, and mistakes that can be named.
import type * as fc from 'fast-check'

/** What goes into a reader's function and comes out of it: numbers and strings, and lists of them. */
export type Value = number | string | readonly Value[]

type Work<Args extends readonly unknown[]> = (...args: Args) => Value | Promise<Value>

export interface Exercise<Args extends readonly unknown[] = readonly never[]> {
  /** Its name on the command line, and its folder's. */
  readonly name: string
  readonly title: string
  readonly difficulty: 1 | 2 | 3
  readonly minutes: number
  /** Files of this project that show how it is done here: to be read afterwards. */
  readonly read: readonly string[]
  /** A question to answer in one's head before writing, and the answer, which comes with success. */
  readonly predict: string
  readonly answer: string
  readonly hints: readonly [string, string]
  /** The function that the reader's file exports. */
  readonly exported: string
  /** Its arguments by name, as a failure shows them. */
  readonly parameters: readonly string[]
  readonly cases: fc.Arbitrary<Args>
  readonly right: Work<Args>
  /** What a reader may have written instead, by the sentence that names the mistake. */
  readonly mistakes: Readonly<Record<string, Work<Args>>>
  /** How the exported function is called, if not with the arguments as they are. */
  readonly call?: (written: (...args: never[]) => unknown) => Work<Args>
  /** What else is said once it is right. */
  readonly afterwards?: (written: (...args: never[]) => unknown) => Promise<string>
}

/** Keeps the types of arguments together while an exercise is written down; the list of all knows them as one type. */
export function exercise<Args extends readonly unknown[]>(given: Exercise<Args>): Exercise {
  return given as unknown as Exercise
}
